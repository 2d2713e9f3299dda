"""Names that already mean something where machines' names stand, and so are none for a machine.

Whoever uses such a name takes it from here, so that the table knows all of them.
"""

from collections.abc import Mapping

from hardway.text import text

OPERATOR = "operator"
KUBERNETES = "kubernetes"
ENDPOINT = "endpoint"
API = "api"

TAKEN: Mapping[str, str] = {
    OPERATOR: text("the file of the operator's own key, in the cluster's ssh folder"),
    KUBERNETES: text("the API, in machines' /etc/hosts and in its certificates"),
    ENDPOINT: text("where findings of the endpoint are filed"),
    API: text("where objects of the API are, in plans"),
} | dict.fromkeys(
    ("localhost", "localhost4", "localhost6", "ip6-localhost", "ip6-loopback", "ip6-localnet",
     "ip6-mcastprefix", "ip6-allnodes", "ip6-allrouters"),
    text("every machine's own loopback or a group of its links, in its /etc/hosts"),
)  # fmt: skip
