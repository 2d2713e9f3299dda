"""Calls and answers as they travel: AWS's three protocols, parsed and written. Knows no rules."""

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from urllib.parse import parse_qsl, urlencode
from xml.etree import ElementTree as ET
from xml.sax.saxutils import escape

FORM = "application/x-www-form-urlencoded"
REQUEST_ID = "00000000-0000-4000-8000-000000000000"
SCOPE = re.compile(r"Credential=([^/]+)/\d+/([^/]+)/([^/]+)/aws4_request")
"""Access key, region and service in the header of a signed request."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """One call as a client made it."""

    number: int
    """The how manieth since the last reset, from 1."""
    service: str
    """As in its signature: `ec2`, `elasticloadbalancing`, `ssm`."""
    action: str
    region: str
    access_key: str
    parameters: Mapping[str, str]
    """Of the form protocols: flat, `Filter.1.Name`."""
    document: Mapping[str, object] = field(default_factory=dict)
    """Of the JSON protocol."""

    def __str__(self) -> str:
        return f"{self.number} {self.service}:{self.action}"

    def get(self, name: str) -> str:
        """Return a parameter, the empty string when it was not given."""
        return self.parameters.get(name, "")

    def listed(self, name: str) -> list[str]:
        """Return a parameter's values: `InstanceId.1`, `Subnets.member.1` or the name alone."""
        pattern = re.compile(rf"{re.escape(name)}(\.member)?(\.\d+)?")
        return [value for key, value in self.parameters.items() if pattern.fullmatch(key)]

    def below(self, prefix: str) -> dict[str, str]:
        """Return the parameters whose names begin so, without that beginning."""
        found = self.parameters.items()
        return {key.removeprefix(prefix): v for key, v in found if key.startswith(prefix)}

    def tags(self, kind: str) -> dict[str, str]:
        """Return the tags asked for a kind of EC2 resource, such as `instance`."""
        found: dict[str, str] = {}
        for key, value in self.parameters.items():
            if re.fullmatch(r"TagSpecification\.\d+\.ResourceType", key) and value == kind:
                rows = self.below(key.removesuffix("ResourceType") + "Tag.")
                numbers = {name.partition(".")[0] for name in rows}
                found |= {rows[f"{n}.Key"]: rows.get(f"{n}.Value", "") for n in numbers}
        return found


@dataclass(frozen=True, slots=True)
class Answer:
    """What goes back to the client."""

    status: int
    body: bytes
    content_type: str = "text/xml"


class Refused(Exception):  # noqa: N818 - what AWS calls an error is an answer here
    """AWS says no: a code that clients decide by, and a sentence for people."""

    def __init__(self, code: str, message: str, status: int = 400) -> None:
        super().__init__(message)
        self.code, self.message, self.status = code, message, status

    def answer(self, service: str) -> Answer:
        """Return the refusal in the protocol of a service."""
        code, message = escape(self.code), escape(self.message)
        if service == "ec2":
            body = f"""<?xml version="1.0"?>
<Response><Errors><Error><Code>{code}</Code><Message>{message}</Message></Error></Errors>
<RequestID>{REQUEST_ID}</RequestID></Response>"""
        elif service in {"elasticloadbalancing", "sts", "iam"}:
            body = f"""<ErrorResponse><Error><Type>Sender</Type><Code>{code}</Code>
<Message>{message}</Message></Error><RequestId>{REQUEST_ID}</RequestId></ErrorResponse>"""
        else:
            return json_answer({"__type": self.code, "message": self.message}, self.status)
        return Answer(self.status, body.encode())


def json_answer(document: Mapping[str, object], status: int = 200) -> Answer:
    """Return an answer of the JSON protocol."""
    return Answer(status, json.dumps(document).encode(), "application/x-amz-json-1.1")


def ec2_answer(action: str, inner: str) -> Answer:
    """Return an answer of EC2 with some XML in it."""
    name = f"{action}Response"
    body = f"<{name}><requestId>{REQUEST_ID}</requestId>{inner}</{name}>"
    return Answer(200, body.encode())


def query_answer(action: str, inner: str) -> Answer:
    """Return an answer of ELBv2 with some XML in it."""
    name, result = f"{action}Response", f"{action}Result"
    meta = f"<ResponseMetadata><RequestId>{REQUEST_ID}</RequestId></ResponseMetadata>"
    return Answer(200, f"<{name}><{result}>{inner}</{result}>{meta}</{name}>".encode())


def parse(environ: Mapping[str, str], body: bytes, number: int) -> Call | None:
    """Return the call in a request; None when it is none that was signed."""
    scope = SCOPE.search(environ.get("HTTP_AUTHORIZATION", ""))
    if not scope:
        return None
    target = environ.get("HTTP_X_AMZ_TARGET", "").partition(".")[2]
    parameters = dict(parse_qsl(body.decode(), keep_blank_values=True)) if not target else {}
    return Call(
        number=number,
        access_key=scope[1],
        region=scope[2],
        service=scope[3],
        action=target or parameters.get("Action", ""),
        parameters=parameters,
        document=json.loads(body) if target else {},
    )


def body_of(call: Call) -> bytes:
    """Return the request body of a call that a rule has changed."""
    return urlencode(call.parameters).encode()


def children(body: bytes, name: str) -> list[ET.Element]:
    """Return the items of a set in an answer of EC2, such as `vpcSet`."""
    found = _named(ET.fromstring(body), name)
    return list(found) if found is not None else []


def keep(body: bytes, name: str, kept: Iterable[ET.Element], token: str) -> bytes:
    """Return an answer of EC2 with a set reduced to some items, and the next page's token."""
    root = ET.fromstring(body)
    items = _named(root, name)
    if items is None:
        return body
    items[:] = kept
    if token:
        ET.SubElement(root, "nextToken").text = token
    return ET.tostring(root)


def text(element: ET.Element, name: str) -> str:
    """Return the text of an element's child."""
    found = _named(element, name)
    return (found.text or "") if found is not None else ""


def _named(element: ET.Element, name: str) -> ET.Element | None:
    return next((child for child in element if child.tag.rpartition("}")[2] == name), None)
