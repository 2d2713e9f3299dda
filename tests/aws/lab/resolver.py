"""The VPC's resolver: names of load balancers and instances, and no others. UDP only."""

import socket
import struct
import threading
from collections.abc import Callable

NXDOMAIN, NOERROR = 3, 0
A, IN = 1, 1
TTL_S = 5


def answer(query: bytes, addresses: dict[str, list[str]]) -> bytes:
    """Return the answer to a question of one name (RFC 1035). Pure."""
    labels, at = [], 12
    while query[at]:
        labels.append(query[at + 1 : at + 1 + query[at]].decode("ascii", "replace"))
        at += 1 + query[at]
    end = at + 5
    (kind,) = struct.unpack("!H", query[at + 1 : at + 3])
    name = ".".join(labels).lower()
    found = addresses.get(name, []) if kind == A else []
    code = NOERROR if name in addresses else NXDOMAIN
    # An answer, to a question for recursion that is available.
    flags = 0x8180 | code
    head = query[:2] + struct.pack("!5H", flags, 1, len(found), 0, 0)
    rows = [
        struct.pack("!HHHIH", 0xC00C, A, IN, TTL_S, 4) + socket.inet_aton(address)
        for address in found
    ]
    return head + query[12:end] + b"".join(rows)


def serve(address: str, names: Callable[[], dict[str, list[str]]]) -> None:
    """Answer at an address for as long as this process lives."""
    listening = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    listening.bind((address, 53))

    def loop() -> None:
        while True:
            query, caller = listening.recvfrom(1500)
            if len(query) > 16:
                listening.sendto(answer(query, names()), caller)

    threading.Thread(target=loop, daemon=True).start()
