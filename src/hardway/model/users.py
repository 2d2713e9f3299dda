"""The table of users that services run as. sysusers.d and the removal read these rows."""

from dataclasses import dataclass

from hardway.model.cluster import Role


@dataclass(frozen=True, slots=True, kw_only=True)
class User:
    """A system user with a group of the same name."""

    name: str
    role: Role
    """On machines of which role."""
    package: str = ""
    """The package that brings the user; empty where hardway makes it (sysusers.d)."""
    why: str


USERS = (
    User(name="etcd", role=Role.CONTROL_PLANE,
         why="Owns the database and etcd's keys; no other service can read them."),
    User(name="kube-apiserver", role=Role.CONTROL_PLANE,
         why="Owns the API server's keys, the encryption key and the audit log."),
    User(name="kube-controller-manager", role=Role.CONTROL_PLANE,
         why="Owns its kubeconfig and its copy of the service-account key."),
    User(name="kube-scheduler", role=Role.CONTROL_PLANE, why="Owns its kubeconfig."),
    User(name="kube-proxy", role=Role.WORKER,
         why="Owns its kubeconfig; one capability lets it write nftables rules."),
    User(name="haproxy", role=Role.CONTROL_PLANE, package="haproxy",
         why="haproxy gives up root for it once its ports are open."),
    User(name="keepalived_script", role=Role.CONTROL_PLANE, package="keepalived",
         why="Comes with the package; hardway's health check runs as nobody."),
)  # fmt: skip


def made_on(role: Role) -> tuple[User, ...]:
    """Return the users that hardway makes on machines of a role."""
    return tuple(user for user in USERS if user.role is role and not user.package)
