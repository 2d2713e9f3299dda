# Run at boot and every few seconds. Puts back routes and rules that are missing and does nothing
# else: it asks no other machine and decides nothing.

set -uf
[ ! -e /run/hardway/hold-network ] || exit 0
status=0
words() { echo "$*"; }

# routes to pods: a pod whose route is missing on one machine is lost to that machine only
there=$(
ip -4 route show proto 87 | sed 's/^\([^ ]*\) via \([^ ]*\) .*/\1 via \2/' | LC_ALL=C sort
)
if [ "$(words $there)" != '10.200.0.0/24 via 10.240.0.20 10.200.1.0/24 via 10.240.0.21' ]; then
    echo '<5>not as wanted: routes to pods'
    (
        set -e
        ip -4 route show proto 87 | while read -r range _; do
            case ' 10.200.0.0/24 10.200.1.0/24 ' in *" $range "*) continue ;; esac
            ip route delete "$range" proto 87 ||
                [ -z "$(ip -4 route show "$range" proto 87)" ]
        done
        ip route replace 10.200.0.0/24 via 10.240.0.20 proto 87
        ip route replace 10.200.1.0/24 via 10.240.0.21 proto 87
    ) || status=1
fi

exit $status
