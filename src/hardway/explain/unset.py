"""What breaks without a setting of a unit or of a program's own file: rows by tag, as in `without`.

A name that only one kind of file can have stands alone; others follow their file's.
"""

NOTHING_STOPS = "Nothing stops. Whoever takes the program over "

UNSET: dict[str, str] = {
    # [Unit], [Install] and [Timer]: systemd.unit(5), systemd.timer(5)
    "Description": "Nothing: systemctl and the journal show the unit's name instead.",
    "Documentation": "Nothing: systemctl status shows no link.",
    "After": "At a boot the unit may start before what it waits for is there, and fail. A service "
    "is started again every two seconds; a oneshot unit stays failed.",
    "hardway-network After": "At a boot the script may look before the machine has its address, or "
    "before nftables.service empties the ruleset. The next look puts that right.",
    "Wants": "What it names is not started with the unit: After= only orders what starts anyway.",
    "Requires": "The unit starts also where containerd has failed, and fails itself: ctr: failed "
    'to dial "/run/containerd/containerd.sock".',
    "DefaultDependencies": "systemd adds its usual dependencies: the unit runs after "
    "basic.target, a little later in the boot.",
    "StartLimitIntervalSec": "After five starts within 10 s systemd gives up for good: Start "
    "request repeated too quickly.",
    "WantedBy": "The unit does not start at a boot, and cannot be enabled: The unit files have no "
    "installation config.",
    "OnActiveSec": "The timer never begins: OnUnitInactiveSec= counts from the end of a look, and "
    "there was none.",
    "OnUnitInactiveSec": "The script looks once, when the timer starts. A route that is lost later "
    "stays lost until the next hardway up.",
    "AccuracySec": "systemd may be up to a minute late, to wake up for several timers at once.",
    # [Service]: systemd.service(5)
    "ExecStart": "systemd does not load the unit: Service has no ExecStart=, ExecStop=, or "
    "SuccessAction=. Refusing.",
    "ExecStartPre": "The program starts while the API does not answer yet. It ends and is started "
    "again, or waits longer and longer between its attempts.",
    "etcd ExecStartPre": "With a disk that is not mounted etcd finds an empty folder, and begins "
    "as a new member that remembers nothing.",
    "haproxy ExecStartPre": "hardway does not know which files haproxy has read, and reloads it at "
    "the next hardway up.",
    "keepalived ExecStartPre": "hardway does not know which files keepalived has read, and reloads "
    "it at the next hardway up.",
    "hardway-probe ExecStartPre": "After a reboot the probe has no network namespace and does not "
    'start: Cannot open network namespace "hardway-probe": No such file or directory.',
    "ExecStartPost": "hardway does not know with which files the unit ran, and runs it again at "
    "the next hardway up.",
    "etcd ExecStartPost": "Nothing says later that this member has had data: with a disk that is "
    "not mounted it begins empty.",
    "ExecReload": "systemctl reload is refused: Job type reload is not applicable. Each change "
    "costs a restart: haproxy ends all connections, keepalived gives the address away.",
    "Type": "systemd takes the unit for ready as soon as its process runs: what comes after it "
    "begins too early.",
    "keepalived Type": "Nothing: the default is simple too.",
    "RemainAfterExit": "The unit counts as inactive once it has run, and hardway verify reports "
    "that it does not run.",
    "Restart": "A crash is final: the program stays down until somebody starts it.",
    "RestartSec": "systemd tries again after 0.1 s: a program that ends at once takes the "
    "machine's time.",
    "TimeoutStartSec": "systemd ends a start that takes longer than 90 s, and begins again: start "
    "operation timed out. Terminating.",
    "hardway-network TimeoutStartSec": "A oneshot unit has no limit: a look that hangs keeps "
    "kubelet from starting.",
    "containerd KillMode": "A restart of containerd ends its shims too: it no longer knows the "
    "containers that run.",
    "kubelet KillMode": "A restart also ends what kubelet has started itself, such as a mount that "
    "is under way. Pods have cgroups of their own and go on.",
    "keepalived KillMode": "systemd ends keepalived's child together with it, not by way of it: "
    "the address may stay where nobody holds it.",
    "haproxy KillMode": "systemd ends haproxy's workers together with their master, which takes "
    "that for crashes.",
    # [Service]: systemd.exec(5), systemd.resource-control(5)
    "Environment": "Nothing stops. hardway does not know with which files the process was started, "
    "and restarts it at the next hardway up.",
    "EnvironmentFile": "At its very first start a member knows no others: couldn't find local name "
    "in the initial cluster configuration.",
    "User": "The program runs as root: whoever takes it over has the machine.",
    "Group": "Nothing: systemd takes the user's own group, which is the same.",
    "UMask": "Where the program does not say otherwise, all users may read its new files.",
    "LimitNOFILE": "The usual limit counts, 524288 for a program in Go. Past it: too many open "
    "files.",
    "TasksMax": "containerd and its shims share one limit, 15 % of all processes that the machine "
    "may have: fork/exec: resource temporarily unavailable.",
    "OOMScoreAdjust": "When memory runs out the kernel may end containerd before a pod.",
    "Delegate": "systemd may change or remove what containerd has made below its cgroup.",
    "LogLevelMax": "The journal gets three lines for each look, every 20 s.",
    "RuntimeDirectory": "haproxy does not start: cannot bind UNIX socket "
    "[/run/haproxy/hardway.sock].",
    "RuntimeDirectoryMode": "Nothing: others may look into the folder (0755), and the socket in it "
    "is for root alone by itself.",
    "ReadWritePaths": "The program may not write its data: read-only file system.",
    "NoNewPrivileges": NOTHING_STOPS + "may become root by a setuid program, such as sudo.",
    "CapabilityBoundingSet": NOTHING_STOPS + "gets more capabilities, should there be a way "
    "around NoNewPrivileges=.",
    "AmbientCapabilities": "kube-proxy is not root and may write no rules: Operation not "
    "permitted.",
    "ProtectSystem": NOTHING_STOPS + "writes wherever its user may.",
    "ProtectHome": NOTHING_STOPS + "reads in people's homes what its user may.",
    "PrivateTmp": NOTHING_STOPS + "shares /tmp with all other programs.",
    "PrivateDevices": NOTHING_STOPS + "finds the machine's disks in /dev.",
    "ProtectKernelTunables": NOTHING_STOPS + "sees the kernel's settings as writable.",
    "kube-proxy ProtectKernelTunables": "Nothing: the default is no too. With yes kube-proxy could "
    "not change the kernel's settings: read-only file system.",
    "ProtectKernelModules": NOTHING_STOPS + "may try to load a kernel module.",
    "ProtectControlGroups": NOTHING_STOPS + "sees other programs' cgroups as writable.",
    "RestrictAddressFamilies": NOTHING_STOPS + "may open raw and rarely used sockets, where the "
    "kernel has had most of its flaws.",
    "RestrictNamespaces": NOTHING_STOPS + "may make namespaces, a common first step out.",
    "LockPersonality": NOTHING_STOPS + "may switch to an execution domain with weaker memory "
    "protection.",
    "RestrictSUIDSGID": NOTHING_STOPS + "may leave a setuid file for others.",
    "SystemCallArchitectures": NOTHING_STOPS + "may use the system calls of another architecture, "
    "which filters overlook.",
    # Users, modules, and the environment of etcd's first start
    "/etc/sysusers.d/hardway.conf": "Where the user is there already, nothing. On a new machine "
    "nothing starts as it: Failed at step USER (status=217/USER).",
    "hardway.conf overlay": "Most kernels load it at the first mount. Where not, containerd has "
    "nowhere to unpack images.",
    "hardway.conf br_netfilter": "hardway-host fails at the next boot: sysctl: cannot stat "
    "/proc/sys/net/bridge/bridge-nf-call-iptables: No such file or directory.",
    "first-start.env ETCD_INITIAL_CLUSTER": "At its very first start a member knows no others: "
    "couldn't find local name in the initial cluster configuration.",
    "first-start.env ETCD_INITIAL_CLUSTER_STATE": "Nothing: the default is new too. A member that "
    "comes later needs `existing`, which is in join.env then.",
    "first-start.env ETCD_INITIAL_CLUSTER_TOKEN": "Nothing, while there is one cluster: all of "
    "them have the default token then, which should tell them apart.",
    # Files that begin with apiVersion and kind
    "apiVersion": "The program does not start: Object 'apiVersion' is missing. In a kubeconfig "
    "nothing: all clients take it for v1.",
    "kind": "The program does not start: Object 'Kind' is missing. In a kubeconfig nothing: all "
    "clients take it for a Config.",
    "contexts": "The client does not start: context was not found for specified context: default.",
    "current-context": "The client finds no API: invalid configuration: no configuration has been "
    "provided.",
    "authentication.yaml anonymous": "Anonymous clients are known at every path: only RBAC stops "
    "them.",
    "admission.yaml plugins": "Pod Security takes its own defaults and warns about no pod.",
    "audit-policy.yaml rules": "kube-apiserver does not start: loaded illegal policy with 0 rules.",
    "audit-policy.yaml omitStages": "The audit log has a line more for each request, from before "
    "it was handled.",
    "encryption.yaml resources": "kube-apiserver does not start: at least one resources is "
    "required.",
    # haproxy.cfg
    "haproxy.cfg user": "haproxy stays root after it has opened its ports.",
    "haproxy.cfg group": "haproxy keeps root's group after it has opened its ports.",
    "haproxy.cfg maxconn": "haproxy derives the number from its limit of open files.",
    "haproxy.cfg log": "haproxy logs no connection, and no change of a server.",
    "haproxy.cfg stats socket": "hardway cannot drain a server before it restarts that API server: "
    "clients there lose their connections.",
    "haproxy.cfg mode": "The default is tcp: nothing for the endpoint. The page that keepalived "
    "asks for is gone: monitor-uri will be ignored for frontend 'health' (needs 'mode http').",
    "haproxy.cfg timeout connect": "haproxy warns: missing timeouts for backend 'apiservers'. A "
    "machine that is gone costs a client two minutes, until the kernel gives up.",
    "haproxy.cfg timeout client": "haproxy warns: missing timeouts for frontend 'api'. Clients "
    "that have gone without a word keep their connection for ever.",
    "haproxy.cfg timeout server": "haproxy warns: missing timeouts for backend 'apiservers'. "
    "Connections to a server that has gone without a word stay for ever.",
    "haproxy.cfg timeout check": "A check may last as long as the time between two of them, half a "
    "second: a busy API server is taken for dead.",
    "haproxy.cfg option redispatch": "A connection that a server refuses is tried there again, and "
    "then ends: EOF.",
    "haproxy.cfg retries": "Nothing: the default is 3 too.",
    "haproxy.cfg bind": "haproxy warns (frontend has no 'bind' directive) and nobody listens "
    "there: connect: connection refused.",
    "haproxy.cfg default_backend": "haproxy takes connections and closes them at once: EOF.",
    "haproxy.cfg balance": "haproxy takes the servers in turn: connections that last for hours "
    "gather at the server that was there longest.",
    "haproxy.cfg option httpchk": "A check opens a connection and asks nothing: an API server that "
    "is not ready counts too.",
    "haproxy.cfg http-check": "Nothing: by default 200 to 399 are good, and /readyz answers 200 or "
    "500.",
    "haproxy.cfg default-server": "No server is checked: each client may meet a dead one, and "
    "waits for `timeout connect`.",
    "haproxy.cfg server": "This API server gets no connection through the endpoint.",
    "haproxy.cfg acl": "haproxy does not start: no such ACL : 'nobody'.",
    "haproxy.cfg monitor-uri": "keepalived's question is answered by 503 on all control planes: "
    "none of them holds the endpoint's address (connect: no route to host).",
    "haproxy.cfg monitor": "A haproxy without a server says that all is well, and the endpoint's "
    "address stays there: EOF.",
    # keepalived.conf
    "keepalived.conf router_id": "Nothing: the default is the machine's host name.",
    "keepalived.conf script_user": "keepalived drops the check (Unable to set default user "
    "keepalived_script for script): the address stays where haproxy has no server.",
    "keepalived.conf enable_script_security": "A check that others can change is run all the same.",
    "keepalived.conf vrrp_version": "Version 2 counts in whole seconds: the address moves after "
    "three seconds, not one.",
    "keepalived.conf script": "keepalived drops the check (No script set for vrrp_script balancer "
    "- removing): the address stays where haproxy has no server.",
    "keepalived.conf interval": "Nothing: the default is one second too.",
    "keepalived.conf timeout": "A check may last as long as `interval`, one second: on a busy "
    "machine curl takes longer, and the address moves for nothing.",
    "keepalived.conf fall": "The address moves after one failure.",
    "keepalived.conf rise": "Nothing: the default is 1 too.",
    "keepalived.conf state": "Nothing: the default is BACKUP too.",
    "keepalived.conf interface": "keepalived does not start: (api) Unknown interface!",
    "keepalived.conf virtual_router_id": "keepalived does not start: (api) the virtual router id "
    "must be set.",
    "keepalived.conf priority": "All have the default, 100: of several that want the address, the "
    "one with the highest IP address gets it.",
    "keepalived.conf advert_int": "keepalived says once a second that it is there: a lost machine "
    "is noticed after three seconds, not one.",
    "keepalived.conf nopreempt": "The address moves back when its first holder returns: all "
    "connections through it end once more.",
    "keepalived.conf unicast_src_ip": "keepalived takes the address that the kernel chooses; peers "
    "drop what comes from one that they do not know.",
    "section unicast_peer": "This peer hears nothing of the holder and takes the address too: "
    "clients reach now one machine, now the other.",
    "section virtual_ipaddress": "Nobody holds the endpoint's address: connect: no route to host.",
    "section track_script": "The address stays on a machine whose haproxy has no server: EOF.",
    "keepalived.conf garp_master_repeat": "Neighbours are told five times where the address is, "
    "not three: nothing.",
    # containerd's config.toml
    "config.toml version": "Nothing: containerd takes the file for one of an older version, and "
    "understands these sections all the same.",
    "config.toml sandbox": "containerd wants an image from a registry for each pod: failed to pull "
    "image registry.k8s.io/pause. Without internet no pod starts.",
    "config.toml config_path": "containerd does not look into the folder: mirrors and registries "
    "of your own count for nothing.",
    "config.toml restrict_oom_score_adj": "Nothing, where containerd may lower oom_score_adj. "
    "Where not, containers that ask for it do not start: permission denied.",
    "config.toml bin_dirs": "Nothing: the default is /opt/cni/bin too.",
    "config.toml conf_dir": "Nothing: the default is /etc/cni/net.d too.",
    "config.toml runtime_type": "Nothing: the default is runc's shim too.",
    "config.toml SystemdCgroup": "containerd makes cgroups by itself, beside systemd: two managers "
    "of one tree.",
    # kubelet.yaml
    "kubelet.yaml readOnlyPort": "Nothing: the default of the file is 0 too. The flag's own "
    "default, 10255, tells everybody who asks what runs on the node.",
    "kubelet.yaml tlsMinVersion": "Nothing today: TLS 1.2 is the default of these versions. With "
    "1.0 clients get in by protocols with known weaknesses.",
    "kubelet.yaml tlsCipherSuites": "kubelet takes Go's own list, which the next release may "
    "change.",
    "kubelet.yaml tlsPrivateKeyFile": "kubelet has no key for its certificate, and ends when it "
    "begins to serve.",
    "kubelet.yaml podPidsLimit": "One pod may take all process numbers of its node: Resource "
    "temporarily unavailable, for everybody there.",
    "kubelet.yaml seccompDefault": "Containers that ask for nothing may use all system calls: more "
    "of the kernel's flaws are within their reach.",
    "kubelet.yaml failCgroupV1": "kubelet does not start on this host: kubelet is configured to "
    "not run on a host using cgroup v1.",
    "kubelet.yaml memorySwap": "Nothing: the default is NoSwap too.",
    "oomScoreAdj": "Nothing but a line in the log: the program tries to set its default, -999, and "
    "this host refuses (permission denied).",
    "kubelet.yaml eventRecordQPS": "Nothing: the default is 50 too.",
    "kubelet.yaml rotateCertificates": "Nothing: the default is false too.",
    "kubelet.yaml systemReserved": "The node offers all that the machine has: pods may take what "
    "kubelet and containerd need, and nodes that share a host offer it several times.",
    "kubelet.yaml registerWithTaints": "The node comes without its taints: pods that should stay "
    "away are scheduled there.",
    # kube-proxy.yaml
    "kube-proxy.yaml clientConnection": "kube-proxy does not start: unable to load in-cluster "
    "configuration, KUBERNETES_SERVICE_HOST and KUBERNETES_SERVICE_PORT must be defined.",
    "kube-proxy.yaml mode": "kube-proxy takes iptables: each Service slows down all new "
    "connections, and its rules stand where hardway verify does not look.",
    "kube-proxy.yaml clusterCIDR": "kube-proxy cannot tell pods from others and masquerades nobody "
    "on the way to a Service's address: who comes from elsewhere gets no answer.",
    "kube-proxy.yaml nodePortAddresses": "Nothing: primary is the default of this mode too.",
    "kube-proxy.yaml conntrack": "kube-proxy sets the size of the kernel's table of connections by "
    "the number of its cores; machines that share a kernel each set it for all.",
    "kube-proxy.yaml healthzBindAddress": "Nothing: the default is 0.0.0.0:10256 too.",
    "kube-proxy.yaml metricsBindAddress": "Nothing: the default is 127.0.0.1:10249 too.",
    # masquerade.nft and the probe's resolv.conf
    "masquerade.nft table ip hardway_pods": "Where there is no such table yet the file is refused: "
    "Error: No such file or directory.",
    "masquerade.nft delete table ip hardway_pods": "Each time that the file is loaded its rules "
    "are added once more.",
    "masquerade.nft type": "The file is refused: Error: set definition does not specify key.",
    "masquerade.nft elements": "Packets from pods to machines are masqueraded too: policies and "
    "logs there see the node instead of the pod.",
    "masquerade.nft type nat hook postrouting priority srcnat; policy accept;": "The chain is "
    "never asked: packets of pods leave with addresses that nobody outside knows (i/o timeout).",
    "section chain postrouting": "Packets of these pods leave with addresses that nobody outside "
    "knows: i/o timeout.",
    "resolv.conf nameserver": "The probe asks 127.0.0.1, where nobody answers: hardway verify "
    "reports pod-resolves.",
    "resolv.conf options": "Nothing: the probe waits a second longer for each answer.",
}  # fmt: skip
