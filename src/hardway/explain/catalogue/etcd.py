"""Errors of etcd: members that do not find, know or believe each other."""

import shlex

from hardway.explain.catalogue.row import Cause, Error
from hardway.model.etcd import argv

ETCDCTL = shlex.join(argv())
REVISION = f'{ETCDCTL} endpoint status --write-out=fields | grep Revision | grep -o "[0-9]*$"'
COMPACT = f"{ETCDCTL} compact $({REVISION})"
WIPE = (
    "Do not delete the data of a member while another one is down: the last good copy may be the "
    "one that goes. hardway up replaces one member at a time, after a snapshot."
)

ERRORS = (
    Error(
        name="etcd-cluster-id-mismatch",
        pattern=r"cluster ID mismatch",
        example='{"level":"error","ts":"2026-11-26T16:13:28.350059Z",'
        '"caller":"rafthttp/http.go:512","msg":"request cluster ID mismatch",'
        '"local-member-id":"8e9e05c52164694d","local-member-cluster-id":"cdf818194e3a8c32",'
        '"remote-peer-cluster-id":"7581d6eb2d25405b"}',
        source="etcd 3.6.16 (server/etcdserver/api/rafthttp/http.go)",
        said_by="etcd, in its journal",
        means="Two members hold data of different etcd clusters. They never join each other.",
        causes=(
            Cause(
                "A member started with a data folder of an earlier trial.",
                "etcd-members-known",
                "etcd-to-etcd",
            ),
            Cause(
                "A member began on its own with --initial-cluster-state=new, with another "
                "--initial-cluster.",
                "etcd-one-leader",
                "etcd-to-etcd",
            ),
        ),
        avoid=(WIPE,),
        see="hardway verify etcd",
    ),
    Error(
        name="etcd-data-gone",
        pattern=r"the data of etcd is gone from (?P<folder>[^:\s]+)",
        example="the data of etcd is gone from /var/lib/etcd: mount its disk or restore a "
        "snapshot; to begin anew without it: rm /etc/etcd/started",
        source="hardway's unit of etcd, on a control plane whose data was moved away",
        said_by="etcd.service, before it starts etcd",
        means="The member has had data (/etc/etcd/started is there) and {folder} has none. "
        "Without data etcd would begin a new, empty cluster, so it is not started.",
        causes=(
            Cause(
                "The disk of {folder} is not mounted, was replaced, or somebody deleted the data.",
                "etcd-runs",
            ),
        ),
        avoid=(
            (
                "Do not remove /etc/etcd/started before you know that no disk, snapshot or other "
                "control plane has the data: the cluster begins without any object then."
            ),
        ),
        see="hardway ssh <CONTROL_PLANE> -- findmnt --target /var/lib/etcd",
    ),
    Error(
        name="etcd-already-bootstrapped",
        pattern=r"member (?P<member>\w+) has already been bootstrapped",
        example='{"level":"fatal","ts":"2026-11-26T16:13:27.030068Z",'
        '"caller":"etcdmain/etcd.go:183","msg":"discovery failed","error":"member '
        '8e9e05c52164694d has already been bootstrapped"}',
        source="etcd 3.6.16 (server/etcdserver/bootstrap.go)",
        said_by="etcd, at its start",
        means="The member has no data, says that its cluster is new, and the others know this "
        "member already: it has been there and lost its disk.",
        causes=(
            Cause(
                "/var/lib/etcd was deleted or is on a new disk. The others must forget the "
                "member and take it in again; hardway up does that.",
                "etcd-members-known",
                "etcd-to-etcd",
            ),
        ),
        avoid=(WIPE,),
        see="hardway plan",
    ),
    Error(
        name="etcd-member-removed",
        pattern=r"the member has been permanently removed from the cluster",
        example='{"level":"warn","ts":"2026-11-26T16:13:27.030068Z",'
        '"caller":"rafthttp/peer_status.go:66","msg":"peer became inactive","error":"the member '
        'has been permanently removed from the cluster"}',
        source="etcd 3.6.16 (server/etcdserver/api/rafthttp/util.go)",
        said_by="etcd of the machine that was removed",
        means="The others took this member out (etcdctl member remove). Its data never counts "
        "again.",
        causes=(
            Cause(
                "Somebody removed it, or hardway did when the machine left the cluster.",
                "etcd-members-known",
                "etcd-to-etcd",
            ),
        ),
        see="hardway plan",
    ),
    Error(
        name="etcd-initial-cluster",
        pattern=r"--initial-cluster has (?P<has>\S+) but missing from"
        r"|couldn't find local name \\?\"(?P<member>[^\"\\]+)\\?\" in the initial cluster",
        example='{"level":"fatal","ts":"2026-11-26T16:13:27.030068Z",'
        '"caller":"etcdmain/etcd.go:183","msg":"discovery failed","error":"--initial-cluster has '
        "a=https://127.0.0.1:23801 but missing from "
        '--initial-advertise-peer-urls=https://127.0.0.1:23800"}',
        source="etcd 3.6.16 with two different URLs",
        said_by="etcd, at its very first start",
        means="--name, --initial-advertise-peer-urls and --initial-cluster of this member do not "
        "agree: it does not find itself among the members.",
        causes=(
            Cause(
                "The unit was copied from another machine, or a variable was empty.",
                "etcd-flags",
                "etcd-to-etcd",
            ),
        ),
        see="hardway ssh <CONTROL_PLANE> -- cat /etc/etcd/first-start.env",
    ),
    Error(
        name="etcd-no-leader",
        pattern=r"etcdserver: no leader|serving /health false; no leader"
        r"|raft: stopped|election: no leader",
        example="Error from server: etcdserver: no leader",
        source="etcd 3.6.16 (api/v3rpc/rpctypes/error.go)",
        said_by="etcd, through kube-apiserver",
        means="This member has no leader: fewer than a majority of members reach each other. "
        "Nothing is written until they do.",
        causes=(
            Cause(
                "Other members do not run; of three, two must.",
                "etcd-member-healthy",
                "etcd-to-etcd",
            ),
            Cause("Port 2380 is blocked between machines.", "etcd-one-leader", "etcd-to-etcd"),
            Cause("Peers refuse each other's certificates.", "certificates-valid", "etcd-to-etcd"),
        ),
        expected="For a second or two after a leader is lost this is right: the others elect one.",
        avoid=(
            WIPE,
            (
                "Do not force a new cluster (--force-new-cluster) while members may come "
                "back: then there are two clusters."
            ),
        ),
        see="hardway verify etcd",
    ),
    Error(
        name="etcd-unreachable-for-the-api",
        pattern=r"etcd grpc connection not ready: context deadline exceeded"
        r"|error creating storage factory",
        example='E1126 16:14:25.116957   30348 run.go:72] "command failed" err="error creating '
        'storage factory: etcd grpc connection not ready: context deadline exceeded"',
        source="kube-apiserver 1.37.2 without etcd",
        said_by="kube-apiserver, at its start",
        means="kube-apiserver reached no etcd within its time and gave up. systemd starts it "
        "again; the cause is etcd's.",
        causes=(
            Cause("etcd on this machine does not run.", "etcd-runs", "apiserver-to-etcd"),
            Cause("etcd runs and has no majority yet.", "etcd-member-healthy", "etcd-to-etcd"),
            Cause(
                "They refuse each other's certificates; see etcd's journal.",
                "certificates-valid",
                "apiserver-to-etcd",
            ),
        ),
        see="hardway ssh <CONTROL_PLANE> -- journalctl --unit etcd --lines 20 --no-pager",
    ),
    Error(
        name="etcd-unhealthy",
        pattern=r"is unhealthy: failed to commit proposal: (?P<why>.+)|Error: unhealthy cluster",
        example="https://127.0.0.1:2379 is unhealthy: failed to commit proposal: context deadline "
        "exceeded",
        source="etcdctl 3.6.16 at a port where nothing listens",
        said_by="etcdctl endpoint health",
        means="etcdctl wrote nothing within its time. The line above it has the reason: refused, "
        "a certificate, or just no majority.",
        causes=(
            Cause(
                "This member runs, and the others do not: etcd's unit waits until a majority "
                "is there.",
                "etcd-one-leader",
                "etcd-to-etcd",
            ),
            Cause("etcd does not run here.", "etcd-runs", "etcdctl-to-etcd"),
            Cause(
                "The certificate of the command is not of the etcd CA.",
                "etcd-member-healthy",
                "etcdctl-to-etcd",
            ),
        ),
        expected="While the first of several members starts this is right: it waits for others.",
        see="hardway verify etcd",
    ),
    Error(
        name="etcd-out-of-space",
        pattern=r"mvcc: database space exceeded|alarm:NOSPACE",
        example="Error from server: etcdserver: mvcc: database space exceeded",
        source="etcd 3.6.16 (api/v3rpc/rpctypes/error.go)",
        said_by="etcd, through kube-apiserver",
        means="etcd's database has reached its quota. It refuses writes until space is freed and "
        "the alarm is disarmed.",
        causes=(
            Cause(
                "Something writes many or large objects: events, a controller in a loop.",
                "etcd-room",
                "apiserver-to-etcd",
            ),
        ),
        helps=(
            f"hardway ssh <CONTROL_PLANE> -- '{COMPACT}'",
            f"hardway ssh <CONTROL_PLANE> -- '{ETCDCTL} --command-timeout=60s defrag --cluster'",
            f"hardway ssh <CONTROL_PLANE> -- '{ETCDCTL} alarm disarm'",
        ),
        see="hardway kubectl get --raw /metrics | grep ^apiserver_resource_objects | sort -nrk2 | "
        "head",
    ),
    Error(
        name="etcd-slow",
        pattern=r"apply request took too long|leader failed to send out heartbeat on time"
        r"|slow fdatasync",
        example='{"level":"warn","ts":"2026-11-26T16:13:27.030042Z","caller":"txn/util.go:94",'
        '"msg":"apply request took too long","took":"412.3ms","expected-duration":"100ms"}',
        source="etcd 3.6.16 (server/etcdserver/txn/util.go)",
        said_by="etcd, in its journal",
        means="The disk or the processor is slower than etcd needs. A few lines do no harm; many "
        "end in elections.",
        causes=(
            Cause(
                "The disk is slow or shared; etcd syncs each write.",
                "etcd-member-healthy",
                "etcd-to-etcd",
            ),
        ),
        see="hardway preflight",
    ),
    Error(
        name="etcd-data-folder-open",
        pattern=r"The recommended permission is .{0,20} to prevent possible unprivileged access",
        example='{"level":"warn","msg":"check file permission","error":"directory \\"/var/lib/etcd'
        '\\" exist, but the permission is \\"drwxr-xr-x\\". The recommended permission is '
        '\\"-rwx------\\" to prevent possible unprivileged access to the data"}',
        source="etcd 3.6.16 (client/pkg/fileutil)",
        said_by="etcd, at its start",
        means="Other users may enter etcd's data folder: they could read all data.",
        causes=(Cause("The folder was made without mode 0700.", "keys-private"),),
        see="hardway ssh <CONTROL_PLANE> -- ls -ld /var/lib/etcd",
    ),
    Error(
        name="etcd-lines-of-a-client",
        pattern=r"retrying of unary invoker failed",
        example='{"level":"warn","ts":"2026-11-26T16:15:56.394188Z","logger":"client","caller":'
        '"v3@v3.6.16/retry_interceptor.go:68","msg":"retrying of unary invoker failed","target":'
        '"etcd-endpoints://0x3b79fa7f43c0/127.0.0.1:2379","attempt":0,"error":"rpc error: code = '
        'DeadlineExceeded desc = latest balancer error: connection error"}',
        source="etcdctl 3.6.16",
        said_by="etcdctl",
        means="etcdctl got no answer within its time. The reason is at the end of the line, "
        "behind desc.",
        causes=(
            Cause(
                "etcd does not run or has no majority.", "etcd-member-healthy", "etcdctl-to-etcd"
            ),
        ),
        see="hardway verify etcd",
    ),
)
