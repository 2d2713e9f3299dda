"""containerd and the images it is given; a part of the step workers."""

from hardway.components import image
from hardway.model.cluster import HostFacts
from hardway.model.resources import Effect, File
from hardway.render.config import Setting
from hardway.render.systemd import NEVER_GIVE_UP, RESTARTS, Service
from hardway.steps.components import BIN, CNI, IMAGES

CONFIG = "/etc/containerd/config.toml"
SOCKET = "/run/containerd/containerd.sock"
CNI_CONFIG = "/etc/cni/net.d"
REGISTRIES = "/etc/containerd/certs.d"
PRELOADED = ("pause", "coredns", "probe")
CTR = f"{BIN}/ctr --namespace k8s.io"
IMAGES_UNIT = "hardway-images.service"


def config(host: HostFacts) -> File:
    """Return containerd's configuration; what it does not name has containerd's defaults."""
    systemd = str(host.cgroup == "v2").lower()
    capped = str(host.capped_oom).lower()
    runtime = "plugins.'io.containerd.cri.v1.runtime'"
    text = f"""\
# containerd: runs containers for kubelet. `containerd config dump` shows the defaults too.
version = 3

[plugins.'io.containerd.cri.v1.images'.pinned_images]
  # Holds the namespaces of each pod. Already on the machine: nothing is pulled for it.
  sandbox = '{image("pause")}'

[plugins.'io.containerd.cri.v1.images'.registry]
  # Mirrors and registries of one's own: <folder>/<registry>/hosts.toml, read at each pull. Named
  # here since containerd takes its default, a list of two folders, for the name of one.
  config_path = '{REGISTRIES}'

[{runtime}]
  # Where this host may not lower oom_score_adj (no CAP_SYS_RESOURCE), containers that ask for it
  # start without instead of not at all.
  restrict_oom_score_adj = {capped}

[{runtime}.cni]
  bin_dirs = ['{CNI}']
  conf_dir = '{CNI_CONFIG}'

[{runtime}.containerd.runtimes.runc]
  runtime_type = 'io.containerd.runc.v2'

[{runtime}.containerd.runtimes.runc.options]
  # As kubelet's cgroupDriver: two managers of one tree lose containers.
  SystemdCgroup = {systemd}
"""
    return File(
        path=CONFIG, content=text.encode(), commented=True, why="how containerd runs containers"
    )


def service(host: HostFacts) -> Service:
    """Return containerd's service."""
    spared = () if host.capped_oom else (
        Setting("OOMScoreAdjust", "-999", "Memory is taken from pods, not from who runs them."),
    )  # fmt: skip
    return Service(
        name="containerd.service",
        description="Container runtime",
        why="Runs containers for kubelet, over runc.",
        command=f"{BIN}/containerd",
        unit=(
            Setting("Documentation", "https://containerd.io", ""),
            Setting("After", "hardway-host.service network.target", ""),
            NEVER_GIVE_UP,
        ),
        service=(
            Setting("Type", "notify", ""),
            Setting("Delegate", "yes", "The cgroups below are containerd's to make."),
            Setting("KillMode", "process", "Containers outlive a restart of containerd."),
            Setting("LimitNOFILE", "1048576", "Containers inherit it."),
            Setting("TasksMax", "infinity", ""),
            *spared,
            *RESTARTS,
        ),
        reads=(CONFIG, f"{BIN}/containerd", f"{BIN}/containerd-shim-runc-v2"),
    )


def images_service() -> Service:
    """Return the service that gives containerd the images that are not pulled from anywhere."""
    pinned = "io.cri-containerd.pinned=pinned"
    imports = [
        Setting("ExecStart", f"{CTR} images import {IMAGES}/{n}.tar", "") for n in PRELOADED[1:]
    ]
    labels = [Setting("ExecStart", f"{CTR} images label {image(name)} {pinned}",
                      "kubelet must not delete it for room: it could not be had again."
                      if name == PRELOADED[0] else "") for name in PRELOADED]  # fmt: skip
    return Service(
        name=IMAGES_UNIT,
        description="Container images that came with the components",
        why="Imports the images the cluster itself needs; a registry is not needed for them.",
        oneshot=True,
        command=f"{CTR} images import {IMAGES}/{PRELOADED[0]}.tar",
        unit=(
            Setting("After", "containerd.service", ""),
            Setting("Requires", "containerd.service", ""),
        ),
        service=(*imports, *labels),
        reads=tuple(f"{IMAGES}/{name}.tar" for name in PRELOADED),
    )


def images_effect() -> Effect:
    """Return that containerd has these images, and keeps them."""
    names = [image(name) for name in PRELOADED]
    listed = f"timeout 5 {CTR} images ls | grep -F io.cri-containerd.pinned=pinned | cut -d' ' -f1"
    return Effect(
        name="container images",
        see=f"{listed} | grep -x -F {' '.join(f'-e {name}' for name in names)} | sort",
        value="".join(f"{name}\n" for name in sorted(names)),
        unit=IMAGES_UNIT,
        fix=f"systemctl restart {IMAGES_UNIT}",
        why="they could not be pulled again from anywhere",
    )
