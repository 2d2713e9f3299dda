"""Errors of programs that do not start: a flag, a file, a key that they cannot use."""

from hardway.explain.catalogue.row import Cause, Error

ERRORS = (
    Error(
        name="encryption-key-not-base64",
        pattern=r"secrets must be base64 encoded|illegal base64 data at input byte \d+",
        example='E1126 16:14:30.183254    4138 run.go:72] "command failed" err="error while '
        "parsing file: resources[0].providers[0].aescbc.keys[0].secret: Invalid value: "
        '\\"REDACTED\\": secrets must be base64 encoded"',
        source="kube-apiserver 1.37.2 with ${ENCRYPTION_KEY} left in the file",
        said_by="kube-apiserver, at its start",
        means="The key in the encryption configuration is not base64.",
        causes=(
            Cause(
                "The shell did not fill a variable: $ENCRYPTION_KEY stands in the file (a "
                "quoted here-document, another shell).",
                "encryption-key-same",
            ),
            Cause("Quotes or a line break came along with the key.", "encryption-key-same"),
        ),
        avoid=(
            (
                "Do not remove --encryption-provider-config: Secrets would be in clear text in "
                "etcd, and those that are encrypted already could not be read."
            ),
        ),
        see="hardway ssh <CONTROL_PLANE> -- grep -n provider /etc/kubernetes/encryption.yaml",
    ),
    Error(
        name="encryption-key-length",
        pattern=r"secret is not of the expected length, got (?P<length>\d+)"
        r"|secret is a mandatory field for a key",
        example='E1126 16:14:34.723864    4592 run.go:72] "command failed" err="error while '
        "parsing file: resources[0].providers[0].aescbc.keys[0].secret: Invalid value: "
        '\\"REDACTED\\": secret is not of the expected length, got 3, expected one of '
        '[16 24 32]"',
        source="kube-apiserver 1.37.2 with a key of three bytes",
        said_by="kube-apiserver, at its start",
        means="The encryption key does not have 32 bytes (16 and 24 are allowed too).",
        causes=(
            Cause(
                "The key was encoded twice, or a text was taken for a key: it must be the "
                "base64 of 32 random bytes.",
                "encryption-key-same",
            ),
            Cause("The variable was empty when the file was written.", "encryption-key-same"),
        ),
        see="hardway verify encryption",
    ),
    Error(
        name="encryption-configuration-kind",
        pattern=r"resources: Required value: at least one resources is required"
        r"|no kind \"EncryptionConfig\w*\" is registered",
        example='E1126 16:14:28.986285    3366 run.go:72] "command failed" err="error while '
        'parsing file: resources: Required value: at least one resources is required"',
        source="kube-apiserver 1.37.2 with an empty EncryptionConfig of version v1",
        said_by="kube-apiserver, at its start",
        means="The encryption configuration was read and says nothing to encrypt, or is of "
        "another kind.",
        causes=(
            Cause(
                "The file was made for an old Kubernetes: the kind is EncryptionConfiguration, "
                "of apiserver.config.k8s.io/v1.",
                "encryption-key-same",
            ),
            Cause("The file is empty or was cut off.", "encryption-key-same"),
        ),
        see="hardway ssh <CONTROL_PLANE> -- head -n 4 /etc/kubernetes/encryption.yaml",
    ),
    Error(
        name="issuer-not-a-url",
        pattern=r"service-account-issuer \"(?P<issuer>[^\"]*)\" contained a ':' but was not a "
        r"valid URL|service-account-issuer is a required flag"
        r"|service-account-issuer should not be an empty string",
        example='E1126 10:11:12.131415     612 run.go:72] "command failed" err="service-account-'
        "issuer \"https://[::1:443\" contained a ':' but was not a valid URL: parse "
        '"https://[::1:443": missing \']\' in host"',
        source="kube-apiserver 1.37.2 (pkg/kubeapiserver/options/authentication.go)",
        said_by="kube-apiserver, at its start",
        means="The issuer of tokens is no URL.",
        causes=(
            Cause(
                "A variable was empty when the unit was written: look for “://:” and for “$”.",
                "kube-apiserver-flags",
            ),
        ),
        see="hardway ssh <CONTROL_PLANE> -- grep -n issuer "
        "/etc/systemd/system/kube-apiserver.service",
    ),
    Error(
        name="unknown-flag",
        pattern=r"unknown flag: (?P<flag>--[\w-]+)",
        example='E1126 16:14:56.504788    7169 run.go:72] "command failed" err="failed to parse '
        'kubelet flag: unknown flag: --network-plugin"',
        source="kubelet 1.37.2",
        said_by="the program, at its start",
        means="The program does not know {flag}. It does not start.",
        causes=(
            Cause(
                "The flag was removed: a tutorial is older than the program. --network-plugin "
                "and --image-pull-progress-deadline went with 1.24, --container-runtime with "
                "1.27.",
                "kubelet-flags",
            ),
            Cause("The flag is another program's, or misspelled.", "kube-apiserver-flags"),
        ),
        see="hardway ssh <WORKER> -- 'kubelet --help | less'",
    ),
    Error(
        name="unknown-field",
        pattern=r"strict decoding error: (?:unknown field|duplicate field) \"(?P<field>[^\"]+)\"",
        example='I1126 16:14:57.423177    7329 codec.go:102] "Using lenient decoding as strict '
        'decoding failed" err="strict decoding error: unknown field \\"clusterDomian\\""',
        source="kubelet 1.37.2 with clusterDomian",
        said_by="the program, when it reads its configuration",
        means="The configuration has a field that the program does not know: {field}. kubelet "
        "goes on without it, others do not start.",
        causes=(
            Cause("The field is misspelled, or stands at another depth.", "kubelet-runs"),
            Cause("The field belongs to another version of the format.", "kubelet-runs"),
        ),
        see="hardway ssh <WORKER> -- journalctl --unit kubelet --grep decoding --no-pager",
    ),
    Error(
        name="placeholder-left",
        pattern=r"invalid CIDR address: (?P<word>[A-Z_]+)\b|\$\{(?P<variable>\w+)\}",
        example="Error: unable to create new podCIDR: invalid CIDR address: SUBNET",
        source="Go's net.ParseCIDR, on the tutorial's template",
        said_by="kubelet, a CNI plugin, or a shell",
        means="A placeholder of a template was never replaced by its value.",
        causes=(
            Cause(
                "A second copy of the template overwrote the file that was filled in.",
                "no-unit-failed",
            ),
            Cause("The variable was set in another shell.", "no-unit-failed"),
        ),
        see="hardway ssh <WORKER> -- grep -rnE 'SUBNET|[$][{]' /etc/kubernetes /etc/cni "
        "/etc/systemd/system",
    ),
    Error(
        name="file-missing",
        pattern=r"(?:open|stat) (?P<path>/\S+?): no such file or directory",
        example='E1126 16:14:26.492320    3132 run.go:72] "command failed" err="error while '
        "parsing file: error while loading file: error reading encryption provider configuration "
        'file \\"/etc/kubernetes/nope.yaml\\": open /etc/kubernetes/nope.yaml: no such file or '
        'directory"',
        source="kube-apiserver 1.37.2",
        said_by="the program that needs the file",
        means="The file {path} is named by a flag or a setting, and does not exist.",
        causes=(
            Cause("It was never copied to this machine, or to another path.", "no-unit-failed"),
            Cause("The flag has a typo.", "kube-apiserver-flags"),
        ),
        see="hardway plan",
    ),
    Error(
        name="file-not-readable",
        pattern=r"open (?P<path>/\S+?): permission denied",
        example='E1126 10:11:12.131415     612 run.go:72] "command failed" err="open '
        '/etc/kubernetes/pki/kube-apiserver/server.key: permission denied"',
        source="Go's os.Open, as component-base prints it (cli/run.go)",
        said_by="the program that reads the file",
        means="The file {path} exists, and the user that the service runs as may not read it.",
        causes=(
            Cause("Its owner or mode was changed, or it was copied by root.", "keys-private"),
            Cause("A folder above it may not be entered by that user.", "no-unit-failed"),
        ),
        avoid=(
            (
                "Do not make keys readable for everybody (chmod 644, chmod -R 777): whoever can "
                "read a key can act as its owner."
            ),
        ),
        see="hardway plan",
    ),
    Error(
        name="configuration-empty",
        pattern=r"invalid configuration: no configuration has been provided",
        example='E1126 16:16:07.642121   16585 run.go:72] "command failed" err="invalid '
        "configuration: no configuration has been provided, try setting KUBERNETES_MASTER "
        'environment variable"',
        source="kube-proxy 1.37.2 with an empty kubeconfig",
        said_by="a client of the API, at its start",
        means="The kubeconfig has no cluster, user or current context in it, or none is named.",
        causes=(
            Cause(
                "The kubeconfig is empty, or its path is not the one in the flag.",
                "kubeconfig-server",
                "kube-proxy-to-apiserver",
            ),
        ),
        avoid=(
            (
                "Do not set KUBERNETES_MASTER, as the message proposes: the program would come "
                "without a certificate."
            ),
        ),
        see="hardway ssh <WORKER> -- cat /etc/kubernetes/kube-proxy.kubeconfig",
    ),
    Error(
        name="tool-of-old-openssl",
        pattern=r"(?:req|x509): Unrecognized flag (?P<flag>section|copy_extensions)"
        r"|unknown option -(?:section|copy_extensions)",
        example="req: Unrecognized flag section",
        source="OpenSSL 1.1.1, as reported for the tutorial",
        said_by="openssl on the operator's host",
        means="openssl is older than 3: it wrote keys, but no certificates.",
        causes=(
            Cause(
                "The tutorial's commands need OpenSSL 3. hardway makes certificates "
                "itself and needs none.",
                "certificates-valid",
            ),
        ),
        see="openssl version",
    ),
    Error(
        name="wrong-architecture",
        pattern=r"Exec format error|cannot execute binary file",
        example="systemd[1]: etcd.service: Failed at step EXEC spawning /usr/local/bin/etcd: "
        "Exec format error",
        source="systemd 252, as reported for arm64 binaries on amd64",
        said_by="systemd, or the shell",
        means="The program was made for another processor.",
        causes=(Cause("arm64 and amd64 were mixed up in the download.", "components-genuine"),),
        see="hardway ssh <CONTROL_PLANE> -- 'uname -m; readlink /usr/local/bin/etcd'",
    ),
)
