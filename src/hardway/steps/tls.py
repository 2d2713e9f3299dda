"""TLS settings that all servers of the cluster have in common."""

from hardway.model.rows import Setting, quiet

SUITES_1_2 = (
    "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256", "TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384",
    "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256", "TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384",
)  # fmt: skip
SUITES_WHY = (
    "Forward secrecy and authenticated encryption, nothing else. TLS 1.3 has such suites only; "
    "Go does not let them be chosen."
)
OLDEST = "VersionTLS12"
OLDEST_WHY = "Older versions have known weaknesses; all clients of this cluster know 1.2."


def certificate(folder: str, why: str) -> tuple[Setting, ...]:
    """Return the flags with a server's own certificate, and the oldest version it speaks."""
    return (
        Setting("--tls-cert-file", f"{folder}/server.crt", why),
        quiet("--tls-private-key-file", f"{folder}/server.key", "The key of that certificate."),
        quiet("--tls-min-version", OLDEST, OLDEST_WHY),
    )
