"""containerd and the images it is given; a part of the step workers."""

from hardway.components import image
from hardway.model.cluster import HostFacts
from hardway.model.resources import Effect, File
from hardway.model.rows import Row, Section, Setting, quiet
from hardway.render.config import toml_text
from hardway.render.systemd import NEVER_GIVE_UP, RESTARTS, Service, after, documentation
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
    header = "containerd: runs containers for kubelet. `containerd config dump` shows all settings."
    rows = _rows(host)
    return File(path=CONFIG, content=toml_text(header, rows), rows=rows,
                why="How containerd runs containers.")  # fmt: skip


def _rows(host: HostFacts) -> tuple[Row, ...]:
    images = "plugins.'io.containerd.cri.v1.images'"
    runtime = "plugins.'io.containerd.cri.v1.runtime'"
    return (
        quiet("version", 3, "The format's version, of containerd 2."),
        Section(f"{images}.pinned_images", (
            Setting("sandbox", image("pause"), "Holds the namespaces of each pod. Already on the "
                    "machine: nothing is pulled for it."),
        ), "Images that are never deleted for room.", quiet=True),
        Section(f"{images}.registry", (
            Setting("config_path", REGISTRIES,
                    "Your own mirrors and registries: <folder>/<registry>/hosts.toml, read at each "
                    "pull. Named here since containerd takes its default, a list of two folders, "
                    "for the name of one."),
        ), "Where images are pulled from.", quiet=True),
        Section(runtime, (
            Setting("restrict_oom_score_adj", host.capped_oom,
                    "Where this host may not lower oom_score_adj (no CAP_SYS_RESOURCE), containers "
                    "that ask for it start without instead of not at all."),
        ), "How containers run.", quiet=True),
        Section(f"{runtime}.cni", (
            quiet("bin_dirs", [CNI], "The plugins that hardway installed."),
            quiet("conf_dir", CNI_CONFIG, "The first list in it by name is the pod network."),
        ), "How pods get their network.", quiet=True),
        Section(f"{runtime}.containerd.runtimes.runc", (
            quiet("runtime_type", "io.containerd.runc.v2", "containerd's shim for runc."),
        ), "The default runtime.", quiet=True),
        Section(f"{runtime}.containerd.runtimes.runc.options", (
            Setting("SystemdCgroup", host.cgroup == "v2",
                    "As kubelet's cgroupDriver: two managers of one tree lose containers."),
        ), "How runc is called.", quiet=True),
    )  # fmt: skip


def service(host: HostFacts) -> Service:
    """Return containerd's service."""
    spared = () if host.capped_oom else (
        Setting("OOMScoreAdjust", "-999",
                "Memory is taken from pods, not from the service that runs them."),
    )  # fmt: skip
    return Service(
        name="containerd.service",
        description="Container runtime",
        why="Runs containers for kubelet, over runc.",
        # Registries may be behind one.
        proxied=True,
        command=f"{BIN}/containerd",
        unit=(
            documentation("https://containerd.io"),
            after("hardway-host.service network.target",
                  "Kernel modules are loaded before the first container."),
            NEVER_GIVE_UP,
        ),
        service=(
            quiet("Type", "notify", "Ready means: its socket answers."),
            Setting("Delegate", "yes", "The cgroups below are containerd's to make."),
            Setting("KillMode", "process", "Containers outlive a restart of containerd."),
            Setting("LimitNOFILE", "1048576", "Containers inherit it."),
            quiet("TasksMax", "infinity", "Each pod's processes have their own limit."),
            *spared,
            *RESTARTS,
        ),
        reads=(CONFIG, f"{BIN}/containerd", f"{BIN}/containerd-shim-runc-v2"),
    )  # fmt: skip


def images_service() -> Service:
    """Return the service that gives containerd the images that are not pulled from anywhere."""
    pinned = "io.cri-containerd.pinned=pinned"
    imports = [
        quiet("ExecStart", f"{CTR} images import {IMAGES}/{n}.tar", "One import for each image.")
        for n in PRELOADED[1:]
    ]
    labels = [
        Setting("ExecStart", f"{CTR} images label {image(name)} {pinned}",
                "kubelet must not delete it for room: no registry has it.",
                quiet=name != PRELOADED[0])
        for name in PRELOADED
    ]  # fmt: skip
    return Service(
        name=IMAGES_UNIT,
        description="Container images that came with the components",
        why="Imports the images the cluster itself needs; a registry is not needed for them.",
        oneshot=True,
        command=f"{CTR} images import {IMAGES}/{PRELOADED[0]}.tar",
        unit=(
            after("containerd.service", "containerd does the importing."),
            quiet("Requires", "containerd.service", "Without it nothing can be imported."),
        ),
        service=(*imports, *labels),
        reads=tuple(f"{IMAGES}/{name}.tar" for name in PRELOADED),
    )


def images_effect() -> Effect:
    """Return that containerd has these images, and keeps them."""
    names = sorted(image(name) for name in PRELOADED)
    return Effect(
        name="container images",
        see=f"""listed=$(timeout 5 {CTR} images ls)
if [ $? = 124 ]; then
    # containerd is late: that is a check's to tell, and an import would make it later still.
    printf '%s\\n' {" ".join(names)}
else
    printf '%s\\n' "$listed" | grep -F io.cri-containerd.pinned=pinned | cut -d' ' -f1 |
        grep -x -F {" ".join(f"-e {name}" for name in names)} | sort
fi""",
        value="".join(f"{name}\n" for name in names),
        unit=IMAGES_UNIT,
        fix=f"systemctl restart {IMAGES_UNIT}",
        why="they could not be pulled again from anywhere",
    )
