"""Why CoreDNS's objects are as they are."""

from hardway.model.rows import Note

TEMPLATE = "spec.template.spec"
CONTAINER = f"{TEMPLATE}.containers[0]"

NOTES = {
    "ServiceAccount/kube-system/coredns": (
        Note("", "Who CoreDNS is to the API."),
    ),
    "ClusterRole/system:coredns": (
        Note("", "What CoreDNS may do: read what it answers from, and nothing else."),
        Note("rules[0]", "Services' names, and pods and namespaces for pods' names."),
        Note("rules[1]", "The addresses behind headless Services."),
    ),
    "ClusterRoleBinding/system:coredns": (
        Note("", "Grants CoreDNS's account that role."),
        Note("roleRef", "The role, which cannot be changed afterwards."),
        Note("subjects", "The account that has it."),
    ),
    "ConfigMap/kube-system/coredns": (
        Note("", "CoreDNS's configuration; each line has its reason in it."),
        Note("data", "The Corefile, and files that say what you may add."),
    ),
    "Deployment/kube-system/coredns": (
        Note("", "The cluster's DNS servers."),
        Note("spec.replicas", "Two, so that one may be lost; fewer where there are fewer nodes."),
        Note("spec.strategy", "One at a time and never more than wanted: with two workers a third "
             "would find no node of its own."),
        Note("spec.selector", "The label that upstream's tests and dashboards look for."),
        Note("spec.template.metadata", "As the selector asks for."),
        Note(f"{TEMPLATE}.priorityClassName", "Without names little works: evicted last."),
        Note(f"{TEMPLATE}.serviceAccountName", "It reads Services and endpoints as that account."),
        Note(f"{TEMPLATE}.affinity", "Required, not preferred: two on the node that dies are as "
             "good as none."),
        Note(f"{TEMPLATE}.tolerations", "Nodes kept for critical pods take it."),
        Note(f"{TEMPLATE}.nodeSelector", "The image is for Linux."),
        Note(f"{TEMPLATE}.dnsPolicy", "It asks the node's resolvers, not itself."),
        Note(f"{TEMPLATE}.securityContext", "The runtime's filter of system calls."),
        Note(f"{TEMPLATE}.volumes", "The configuration, and yours if there is one."),
        Note(f"{CONTAINER}.name", "The name in logs and metrics."),
        Note(f"{CONTAINER}.image", "Imported on every worker by hardway."),
        Note(f"{CONTAINER}.imagePullPolicy", "It is on every worker already, and in no registry."),
        Note(f"{CONTAINER}.args", "Where the configuration is mounted."),
        Note(f"{CONTAINER}.ports", "Queries, metrics and probes; names that probes use."),
        Note(f"{CONTAINER}.readinessProbe", "Ready once the API has told it all Services; asked "
             "often, since each `up` waits for it."),
        Note(f"{CONTAINER}.livenessProbe", "Patient: a CoreDNS that is slow for lack of CPU is not "
             "helped by being killed."),
        Note(f"{CONTAINER}.resources", "As upstream: more memory than this is a leak."),
        Note(f"{CONTAINER}.securityContext", "Port 53 is all it needs of root."),
        Note(f"{CONTAINER}.volumeMounts", "Where it reads its configuration."),
    ),
    "PodDisruptionBudget/kube-system/coredns": (
        Note("", "Drains take one replica at a time."),
        Note("spec.maxUnavailable", "One answers while the other moves."),
        Note("spec.selector", "CoreDNS's pods."),
    ),
    "Service/kube-system/kube-dns": (
        Note("", "The address that kubelets write into pods' resolv.conf; named so from the time "
             "before CoreDNS."),
        Note("spec.clusterIP", "The tenth address of the range, as kubelet.yaml says."),
        Note("spec.selector", "CoreDNS's pods."),
        Note("spec.ports", "Queries over UDP and TCP, and metrics."),
    ),
}  # fmt: skip
