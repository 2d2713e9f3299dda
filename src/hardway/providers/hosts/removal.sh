# Takes everything of hardway's off this machine and puts back what stood there before, by the
# ledger (engine/ledger.py) and the tables that providers/hosts/removal.py puts before it: $users,
# $mounted, $bridge, $probe, $tables, $protocol. Prints a line for each thing that is left. May be
# run again.
set -u
before=/var/lib/hardway/before
identity=/var/lib/hardway/identity
# A run that was killed early noted whose the machine is, and changed nothing else.
[ -d $before ] || { rm -f $identity; rmdir /var/lib/hardway 2>/dev/null; exit 0; }
export DEBIAN_FRONTEND=noninteractive LC_ALL=C
packages=$(sort -u $before/packages 2>/dev/null)

noted() { # KIND: the paths the ledger has of a kind, the last first
    sed -n "s/^$1 [^ ]* [^ ]* //p" $before/paths | tac
}

stages() { # folders beside what was put, where a run that was killed may have left some of it
    sed -n 's|^[a-z]* [^ ]* [^ ]* \(.*\)/[^/]*$|\1/.hardway-new|p' $before/paths | sort -u
}

kept_user() { grep -q "^$1:" $before/passwd; }

pods() { # processes of pods, which outlive kubelet and containerd on purpose
    find /sys/fs/cgroup -path '*/kubepods*' -name cgroup.procs -exec cat {} + 2>/dev/null
}

ours() { # processes of our binaries, containerd's shims among them
    find /proc -maxdepth 2 -name exe -lname '/opt/hardway/store/*' 2>/dev/null | cut -d/ -f3
}

mounts() {
    cut -d' ' -f2 /proc/self/mounts |
        grep -E "^($mounted|/run/netns/cni-)" |
        grep -v -x -e /var/lib/kubelet -e /var/lib/containerd | sort -r
}

tables() { nft list tables 2>/dev/null | grep -E " ($tables)$"; }

chains() { { iptables-save; ip6tables-save; } 2>/dev/null | grep -E -e '^:(KUBE|CNI)-' -e '--comment hardway '; }

routes() { ip -4 route show proto "$protocol" 2>/dev/null; }

stop() {
    units=$(noted absent | sed -n 's#^/etc/systemd/system/\([^/]*[.]\(service\|timer\)\)$#\1#p')
    # Timers first: they would start again what was stopped before them. All services at once:
    # systemd knows which ends before which, and reads all units again for each command that
    # disables some.
    # shellcheck disable=SC2046,SC2086
    {
        systemctl stop $(echo "$units" | grep '[.]timer$')
        systemctl stop $units
        # Where the file of one is gone, as after a removal that was killed, systemd may refuse all
        # of them; 252 does not.
        systemctl disable --quiet $units ||
            for unit in $units; do systemctl disable --quiet "$unit"; done
    } 2>/dev/null
    for _ in 1 2 3 4 5; do
        running=$(pods; ours)
        [ -n "$running" ] || break
        # shellcheck disable=SC2086
        kill -9 $running 2>/dev/null
        sleep 0.2
    done
    mounts | while read -r point; do umount "$point" || umount --lazy "$point"; done
    find /sys/fs/cgroup -depth -type d -path '*/kubepods*' -exec rmdir {} + 2>/dev/null
}

unplug() {
    # Cables first: a namespace takes its links along some time after it was deleted.
    for link in $(ip -brief link show master "$bridge" 2>/dev/null | cut -d@ -f1) $bridge; do
        ip link delete "$link" 2>/dev/null
    done
    for space in $(ip netns list 2>/dev/null | grep -o -e '^cni-[^ ]*' -e "^$probe"); do
        ip netns delete "$space"
    done
    # `ip netns` made the folder a mount of its own; others' namespaces keep it.
    if [ -z "$(ls -A /run/netns 2>/dev/null)" ]; then umount /run/netns 2>/dev/null; fi
    routes | while read -r range _; do ip route delete "$range" proto "$protocol"; done
    tables | while read -r _ family name; do nft delete table "$family" "$name"; done
    for words in iptables ip6tables; do
        command -v $words >/dev/null 2>&1 || continue
        $words-save | grep -v -e KUBE- -e CNI- -e '--comment hardway ' | $words-restore
        # Where iptables came with hardway its tables, empty now, did too.
        if echo "$packages" | grep -q -x iptables; then
            case $words in iptables) family=ip ;; *) family=ip6 ;; esac
            for table in mangle nat filter; do nft delete table $family $table 2>/dev/null; done
        fi
    done
}

put_back_settings() {
    while read -r name value; do
        [ ! -w "/proc/sys/$name" ] || echo "$value" >"/proc/sys/$name"
    done <$before/sysctl 2>/dev/null
    systemd-detect-virt --quiet --container && return
    for module in br_netfilter overlay; do
        grep -q "^$module " $before/modules 2>/dev/null || modprobe --remove --quiet $module
    done
    sed 1d $before/swaps 2>/dev/null | while read -r device _; do
        grep -q "^$device " /proc/swaps || swapon "$device"
    done
}

uninstall() {
    [ -n "$packages" ] || return
    # shellcheck disable=SC2086
    set -- $packages
    others=$(apt-get --simulate purge "$@" | sed -n 's/^\(Remv\|Purg\) \([^ ]*\).*/\2/p' |
        grep -v -x -F "$packages" | sort -u | tr '\n' ' ')
    if [ -n "$others" ]; then
        echo "packages stay: $others need what came with hardway: $*"
    else
        apt-get --quiet=2 --yes -o DPkg::Lock::Timeout=120 purge "$@" >/dev/null
    fi
}

put_back_files() {
    noted lines | while read -r path; do
        sed -i '/^# hardway: begin$/,/^# hardway: end$/d' "$path"
    done
    noted absent | while read -r path; do
        rm -rf --one-file-system "$path"
        # A mount point of the machine's own stays, empty.
        [ ! -d "$path" ] || find "$path" -mindepth 1 -delete
    done
    noted empty | while read -r path; do
        [ ! -d "$path" ] || find "$path" -xdev -mindepth 1 -delete
    done
    noted file | while read -r path; do cp --archive "$before/root$path" "$path"; done
    sed -n 's/^\(folder\|empty\) //p' $before/paths | while read -r mode owner path; do
        [ ! -d "$path" ] || { chmod "$mode" "$path" && chown "$owner" "$path"; }
    done
    stages | while read -r path; do rm -rf "$path"; done
    rm -rf /run/hardway
    systemctl daemon-reload
    systemctl reset-failed
}

remove_users() {
    for user in $users; do
        kept_user "$user" || ! getent passwd "$user" >/dev/null || userdel "$user"
    done
}

left() {
    for pid in $(pods; ours); do echo "process $pid: $(tr '\0' ' ' <"/proc/$pid/cmdline")"; done
    mounts | sed 's/^/mount /'
    ip netns list 2>/dev/null | grep -e '^cni-' -e "^$probe" | sed 's/^/network namespace /'
    ip -brief link show "$bridge" 2>/dev/null | sed 's/^/link /'
    tables | sed 's/^/nftables /'
    chains | sed 's/^/iptables /'
    routes | sed 's/^/route /'
    find /sys/fs/cgroup -depth -type d -path '*/kubepods*' 2>/dev/null | sed 's/^/cgroup /'
    noted absent | while read -r path; do [ ! -e "$path" ] || echo "path $path"; done
    noted empty | while read -r path; do
        [ ! -d "$path" ] || [ -z "$(ls -A "$path")" ] || echo "content of $path"
    done
    noted lines | while read -r path; do
        ! grep -q '^# hardway: begin$' "$path" || echo "lines in $path"
    done
    noted file | while read -r path; do
        cmp -s "$before/root$path" "$path" || echo "not as before: $path"
    done
    stages | while read -r path; do [ ! -e "$path" ] || echo "path $path"; done
    while read -r name value; do
        [ ! -w "/proc/sys/$name" ] || [ "$(cat "/proc/sys/$name")" = "$value" ] ||
            echo "setting $name is $(cat "/proc/sys/$name"), was $value"
    done <$before/sysctl
}

stop
unplug
put_back_settings
uninstall
put_back_files
remove_users 2>/dev/null
found=$(left)
if [ -n "$found" ]; then
    echo "$found"
else
    rm -rf $before $identity
    rmdir /var/lib/hardway 2>/dev/null
    exit 0
fi
