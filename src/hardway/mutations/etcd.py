"""Mutations of etcd: its members, its data, and what it runs with beside its flags."""

from hardway.model.cluster import ETCD_PEER_PORT, Role
from hardway.mutations.network import NOTHING_FOREIGN
from hardway.mutations.objects import ETCDCTL
from hardway.mutations.row import Mutation, several_control_planes
from hardway.steps import apiserver, etcd
from hardway.steps.etcd_checks import DATA

STRANGER = "192.0.2.1:2380"
NO_STRANGER = (
    f"{ETCDCTL} member list | grep {STRANGER} | cut -d, -f1 | xargs -r {ETCDCTL} member remove"
)
FILE = "/etc/etcd/theirs.yaml"
VARIABLE = "ETCD_CONFIG_FILE"
"""etcd that finds it set reads the file and ignores all its flags."""
OTHER_DATA = f"{DATA}/theirs"
"""In the only folder that etcd may write; etcd itself looks at none but its own in there."""
SAME_SETTINGS = rf"""pid=$(systemctl show --property=MainPID --value {etcd.UNIT})
flags=$(tr '\0' '\n' <"/proc/$pid/cmdline" | sed -n 's/^--//p')
of() {{ printf '%s\n' "$flags" | sed -n "s/^$1\($2\)=/$3\1: /p"; }}
tls='trusted-ca-file\|cert-file\|key-file\|client-cert-auth'
{{
    of '' 'name\|data-dir\|[a-z-]*urls\|quota-backend-bytes\|auto-compaction-[a-z]*' ''
    echo 'client-transport-security:'
    of '' "$tls" '  '
    echo 'peer-transport-security:'
    of peer- "$tls" '  '
}} >{FILE}
"""
"""Writes the flags that etcd runs with as such a file."""
BY_FILE = f"systemctl set-environment {VARIABLE}={FILE}"
BY_FLAGS = f"systemctl unset-environment {VARIABLE}"
RESTART = f"systemctl restart {etcd.UNIT}"
STOP_BOTH = f"systemctl stop {apiserver.UNIT} {etcd.UNIT}"
START_BOTH = f"systemctl start {etcd.UNIT} {apiserver.UNIT}"
"""An API server remembers what it has read: with other data it begins anew."""
RESTORED = f"""{ETCDCTL} snapshot save snapshot
etcdutl snapshot restore snapshot --data-dir={OTHER_DATA} --name=<MACHINE> \\
    --initial-cluster=<MACHINE>=https://<ADDRESS>:{ETCD_PEER_PORT} \\
    --initial-advertise-peer-urls=https://<ADDRESS>:{ETCD_PEER_PORT} --initial-cluster-token=theirs
"""
FORCED = f"""mkdir {OTHER_DATA}
cp --archive {DATA}/member {OTHER_DATA}
echo 'force-new-cluster: true' >>{FILE}
"""
APART = (
    "nft 'add table inet theirs; "
    "add chain inet theirs rules { type filter hook input priority 10; }; "
    f'add rule inet theirs rules iifname != "lo" tcp dport {ETCD_PEER_PORT} meta length > 80 drop\''
)
"""Its former peers connect and say nothing: from a member without them they would hear that they
are removed, and end."""
OTHERS_DATA = (
    f"sed -i 's|^data-dir: .*|data-dir: {OTHER_DATA}|' {FILE}\n"
    f"chown --recursive etcd: {OTHER_DATA}\n{BY_FILE}\n{START_BOTH}"
)
OWN_DATA = (
    f"{BY_FLAGS}\n{STOP_BOTH}\n{NOTHING_FOREIGN} 2>/dev/null || :\n"
    f"rm -rf {OTHER_DATA} {FILE}\n{START_BOTH}"
)

ROWS = (
    Mutation(
        name="data-folder-open", check="etcd-data-private", role=Role.CONTROL_PLANE,
        do=f"chmod 0755 {DATA}",
        undo=f"chmod 0700 {DATA}",
        symptom="Nothing: whoever logs in there can read all Secrets' ciphertext.",
        why="etcd's files are the cluster: a copy of them is a copy of everything.",
    ),
    Mutation(
        name="stranger-in-etcd", check="etcd-members-known", role=Role.CONTROL_PLANE,
        do=f"{ETCDCTL} member add stranger --learner --peer-urls=https://{STRANGER}",
        undo=NO_STRANGER,
        symptom="etcdctl member list shows a member that no machine is.",
        why="A member that was never started, or was lost, stays in the list and counts once it "
        "votes. It leaves only when somebody removes it.",
        mend=(f"hardway ssh <MACHINE> -- '{NO_STRANGER}'",),
    ),
    Mutation(
        name="open-by-a-variable", check="etcd-refuses-strangers", role=Role.CONTROL_PLANE,
        keeps=(FILE,),
        do=f"{SAME_SETTINGS}sed -i '/^client-tr/,/^peer-tr/ {{/trusted-ca/d; /client-cert/d}}' "
        f"{FILE}\n{BY_FILE}\n{RESTART}",
        undo=f"{BY_FLAGS}\n{RESTART}",
        symptom="Nothing: all flags are as they should be.",
        why="A variable of the environment can weigh more than any flag: what a process does is "
        "seen by asking it.",
        mend=(f"hardway ssh <MACHINE> -- '{BY_FLAGS}; rm {FILE}; {RESTART}'",),
        shows_s=30,
    ),
    Mutation(
        name="little-room", check="etcd-room", role=Role.CONTROL_PLANE,
        keeps=(FILE,),
        do=f"""{SAME_SETTINGS}size=$({ETCDCTL} endpoint status --write-out=json |
    sed -n 's/.*"dbSize":\\([0-9]*\\).*/\\1/p')
sed -i "s/^quota-backend-bytes: .*/quota-backend-bytes: $((size * 6 / 5))/" {FILE}
{BY_FILE}
{RESTART}""",
        undo=f"{BY_FLAGS}\n{RESTART}",
        symptom="Nothing yet; then each write fails: database space exceeded.",
        why="A quota that is reached stops all writes of all members, until somebody makes room "
        "and disarms the alarm.",
        mend=(f"hardway ssh <MACHINE> -- '{BY_FLAGS}; rm {FILE}; {RESTART}'",),
        shows_s=30,
    ),
    *(
        Mutation(
            name=name, check=check, also=also, role=Role.CONTROL_PLANE,
            where=several_control_planes,
            do=do,
            undo=OWN_DATA,
            symptom="One request in three is answered from data that no other member has.",
            why=why,
            mend=(f"hardway ssh <MACHINE> -- '{OWN_DATA.replace(chr(10), '; ')}'",),
            shows_s=30,
        )
        for name, check, also, do, why in (
            ("backup-restored-on-one", "etcd-one-cluster", ("etcd-one-leader",),
             f"{SAME_SETTINGS}{RESTORED}{STOP_BOTH}\n{OTHERS_DATA}",
             ("A backup is restored on all members or on none: a member with data of its own is a "
             "cluster of its own.")),
            ("member-forced-alone", "etcd-one-leader", (),
             f"{SAME_SETTINGS}{STOP_BOTH}\n{APART}\n{FORCED}{OTHERS_DATA}",
             ("--force-new-cluster is for the last member of a lost cluster: beside living ones it "
             "makes two of one.")),
        )
    ),
)  # fmt: skip
"""Of the step etcd."""
