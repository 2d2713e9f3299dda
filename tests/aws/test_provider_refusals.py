"""What AWS refuses: said in words, with what to do, and before anything is made where it can be."""

import asyncio
import os
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import botocore.exceptions
import pytest
from tests.aws.builder import instances, refused, site, writes
from tests.aws.support import ec2
from tests.aws.tap import Broken, Fault, Tap, When
from tests.aws.trial import TIMING, quick
from tests.aws.wire import Refused

from hardway.errors import AwsError, HardwayError, PreflightError, ProviderError, RefusedError
from hardway.providers.aws import api
from hardway.providers.aws.api import Api, Clients, unreachable
from hardway.providers.aws.calls import CALLS
from hardway.providers.aws.refusals import BY_CODE, REFUSALS


@pytest.fixture(autouse=True)
def _quick(tap: Tap) -> Iterator[None]:
    with quick():
        yield


@pytest.mark.parametrize("code", sorted(BY_CODE))
def test_each_known_refusal_is_said_in_words(code: str) -> None:
    answer = {"Error": {"Code": code, "Message": "as AWS has it"},
              "ResponseMetadata": {"HTTPStatusCode": 400}}  # fmt: skip
    error = botocore.exceptions.ClientError(answer, "CreateVpc")  # type: ignore[arg-type]
    said = api.translated(error, "ec2:CreateVpc", "eu-west-1")
    assert code in str(said)
    assert "ec2:CreateVpc" in str(said)
    assert "{" not in f"{said}{said.hint}"
    assert said.hint
    assert said.certain


def test_no_code_is_in_two_rows() -> None:
    assert len(BY_CODE) == sum(len(row.codes) for row in REFUSALS)


def test_a_denial_shows_the_action_and_how_to_decode_why() -> None:
    answer = {"Error": {"Code": "UnauthorizedOperation",
                        "Message": "You are not authorized. Encoded authorization failure message: "
                        "aBc-123"}, "ResponseMetadata": {"HTTPStatusCode": 403}}  # fmt: skip
    error = botocore.exceptions.ClientError(answer, "RunInstances")  # type: ignore[arg-type]
    said = api.translated(error, "ec2:RunInstances", "eu-west-1")
    assert "may not do ec2:RunInstances" in str(said)
    assert "aBc-123" not in str(said)
    assert "decode-authorization-message --encoded-message aBc-123" in said.hint
    assert "hardway aws iam-policy" in said.hint


def _all_errors() -> list[type[Exception]]:
    found = [botocore.exceptions.BotoCoreError]
    for kind in found:
        found += kind.__subclasses__()
    return sorted(set(found), key=lambda kind: kind.__name__)


def test_each_error_of_botocore_becomes_one_of_ours(monkeypatch: pytest.MonkeyPatch) -> None:
    at = Api(Clients("eu-west-1", None))
    programming = botocore.exceptions.ParamValidationError
    for kind in _all_errors():
        if issubclass(kind, programming):
            continue
        error = kind.__new__(kind)
        Exception.__init__(error, "text")

        def fail(_client: object, error: Exception = error) -> None:
            raise error

        with pytest.raises(ProviderError) as caught:
            at._asked("ec2:CreateVpc", fail)
        assert caught.value.hint
        assert kind.__name__ in str(caught.value)


def test_missing_credentials_are_named() -> None:
    error = botocore.exceptions.NoCredentialsError()
    assert "docs/aws.md" in unreachable(error, "ec2:DescribeVpcs").hint
    error = botocore.exceptions.ProfileNotFound(profile="x")
    assert "aws.profile" in unreachable(error, "ec2:DescribeVpcs").hint


def test_user_data_is_in_no_error(tap: Tap, tmp_path: Path) -> None:
    """botocore shows parameters it does not like; a machine's key is among them."""
    at = Api(Clients("ap-northeast-2", None))
    with pytest.raises(AssertionError) as caught:
        asyncio.run(at.call("ec2:RunInstances", MinCount="a secret"))
    assert "secret" not in str(caught.value)
    assert caught.value.__cause__ is None
    assert caught.value.__suppress_context__


def test_without_boto3_it_is_said_how_to_get_it(
    tap: Tap, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(api, "find_spec", lambda _name: None)
    with refused(ProviderError, "boto3", "pip install 'hardway[aws]'"):
        site(tap, tmp_path).up()


def test_loading_the_program_loads_no_boto3() -> None:
    import subprocess

    code = "import sys, hardway.pipeline; sys.exit('boto3' in sys.modules)"
    environment = {**os.environ, "PYTHONPATH": "src"}
    subprocess.run([sys.executable, "-c", code], check=True, env=environment)


def test_preflight_tells_everything_at_once(tap: Tap, tmp_path: Path) -> None:
    tap.change(vpcs=1, vcpus=2)
    before = tap.left
    cluster = site(tap, tmp_path, aws="zoneNames: [ap-northeast-2z], image: ami-0badbadbadbad0000")
    with refused(
        PreflightError,
        "no zone ap-northeast-2z",
        "1 VPCs of 1",
        "needs 4 more virtual cores, and 0 are in use, of 2",
        "there is no ami-0badbadbadbad0000",
    ):
        cluster.preflight()
    assert tap.left == before
    assert not cluster.records().exists()


def test_preflight_knows_architectures(tap: Tap, tmp_path: Path) -> None:
    amd64 = "ami-0ca00000000024040"
    cluster = site(tap, tmp_path, aws=f"image: {amd64}, types: {{workers: [t4g.small]}}")
    with refused(PreflightError, f"{amd64} is for x86_64", "arm64"):
        cluster.preflight()
    assert cluster.provider.architectures(cluster.cluster) == {"amd64", "arm64"}
    site(tap, tmp_path, aws="types: {workers: [t4g.small]}").preflight()


def test_preflight_counts_what_is_there_once(tap: Tap, tmp_path: Path) -> None:
    tap.change(vcpus=4)
    cluster = site(tap, tmp_path)
    cluster.preflight()
    cluster.up()
    before = len(tap.calls)
    cluster.preflight()
    # Nor is AWS asked whether it would make what is there.
    assert writes(tap.actions[before:]) == []


def test_preflight_finds_out_what_is_not_allowed(tap: Tap, tmp_path: Path) -> None:
    allowed = [a for a in CALLS if a not in {"ec2:RunInstances", "ec2:CreateVpc"}]
    tap.change(allowed={"Statement": [{"Effect": "Allow", "Action": allowed, "Resource": "*"}]})
    with refused(
        PreflightError, "may not do ec2:RunInstances", "may not do ec2:CreateVpc", "iam-policy"
    ):
        site(tap, tmp_path).preflight()
    assert tap.left == []


def test_preflight_makes_nothing(tap: Tap, tmp_path: Path) -> None:
    before = tap.left
    site(tap, tmp_path).preflight()
    assert tap.left == before


def test_too_many_workers_for_a_route_table(tap: Tap, tmp_path: Path) -> None:
    cluster = site(tap, tmp_path, machines="1, workers: 60")
    with refused(PreflightError, "60 need 62 routes", "has 50"):
        cluster.up()
    assert tap.left == []


@pytest.mark.parametrize(
    ("image", "architecture", "expected"),
    [
        ("ubuntu-24.04", "amd64", "ami-0ca00000000024040"),
        ("ubuntu-24.04", "arm64", "ami-0ca00000000024041"),
        ("ubuntu-22.04", "amd64", "ami-0ca00000000022040"),
        ("debian-13", "amd64", "ami-0de00000000000130"),
        ("debian-12", "arm64", "ami-0de00000000000121"),
        ("ami-0123456789abcdef0", "amd64", "ami-0123456789abcdef0"),
    ],
)
def test_the_newest_image_with_and_without_parameters(
    tap: Tap, image: str, architecture: str, expected: str
) -> None:
    from hardway.providers.aws.images import choose

    at = Api(Clients("ap-northeast-2", None), TIMING)
    assert asyncio.run(choose(at, image, architecture)) == expected
    allowed = [a for a in CALLS if a != "ssm:GetParameter"]
    tap.change(allowed={"Statement": [{"Effect": "Allow", "Action": allowed, "Resource": "*"}]})
    assert asyncio.run(choose(at, image, architecture)) == expected


def test_the_image_stays_the_same_when_a_newer_one_comes(
    tap: Tap, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from hardway.providers.aws import images

    site(tap, tmp_path).up()
    monkeypatch.setattr(images, "choose", None)  # not to be called again
    ec2().terminate_instances(InstanceIds=[instances(tap)["worker-0"].id])
    site(tap, tmp_path).up()
    assert len({i.image_id for i in instances(tap).values()}) == 1


def test_another_type_where_aws_has_none_left(tap: Tap, tmp_path: Path) -> None:
    tap.change(no_capacity=frozenset({"t3.small"}))
    cluster = site(tap, tmp_path, aws="types: {workers: [t3.small, t3a.small]}")
    cluster.up()
    assert instances(tap)["worker-0"].instance_type == "t3a.small"
    assert any("no t3.small left" in line for line in cluster.said)
    tap.change(no_capacity=frozenset())
    # What is there is one of those that are allowed.
    assert cluster.up() == []


def test_no_type_left_is_said_and_what_was_made_goes(tap: Tap, tmp_path: Path) -> None:
    tap.change(no_capacity=frozenset({"t3.small"}))
    cluster = site(tap, tmp_path)
    with refused(AwsError, "no machines of that type left", "aws.types", "aws.zoneNames"):
        cluster.up()
    cluster.down()
    assert tap.left == []


def test_a_quota_is_named_with_its_code(tap: Tap, tmp_path: Path) -> None:
    tap.change(vpcs=1)
    with refused(AwsError, "VPCs in ap-northeast-2", "L-F678F1CE", "service-quotas"):
        site(tap, tmp_path).up()


def test_throttling_is_waited_out(tap: Tap, tmp_path: Path) -> None:
    tap.change(throttled_calls=frozenset(range(3, 400, 3)))
    site(tap, tmp_path).up()
    assert len(instances(tap)) == 2


def test_down_reports_what_it_may_not_delete_and_removes_the_rest(tap: Tap, tmp_path: Path) -> None:
    cluster = site(tap, tmp_path)
    cluster.up()
    allowed = [a for a in CALLS if a != "ec2:DeleteVpc"]
    tap.change(allowed={"Statement": [{"Effect": "Allow", "Action": allowed, "Resource": "*"}]})
    with refused(ProviderError, "1 resources of demo-", "vpc vpc (vpc-", "0.000 $/h",
                 "may not do ec2:DeleteVpc", "iam-policy"):  # fmt: skip
        cluster.down()
    # With the VPC stay what AWS makes with it: its main route table and its default group.
    assert sorted(name.partition("-")[0] for name in tap.left) == ["rtb", "sg", "vpc"]


def test_down_reports_what_bills(tap: Tap, tmp_path: Path) -> None:
    cluster = site(tap, tmp_path)
    cluster.up()
    allowed = [a for a in CALLS if a != "ec2:TerminateInstances"]
    tap.change(allowed={"Statement": [{"Effect": "Allow", "Action": allowed, "Resource": "*"}]})
    with refused(ProviderError, "instance controller-0 (i-", "0.057 $/h", "0.031 $/h",
                 "disk worker-0 disk (vol-", "0.002 $/h",
                 "may not do ec2:TerminateInstances"):  # fmt: skip
        cluster.down()
    assert not any(name.startswith("arn:") for name in tap.left)


def test_an_outage_in_the_middle_is_one_error_and_no_loss(tap: Tap, tmp_path: Path) -> None:
    cluster = site(tap, tmp_path)
    tap.fault = Fault(at=30, when=When.BEFORE, error=Broken(), lasting=True)
    with refused(ProviderError, "AWS could not be asked for", "reaches AWS"):
        cluster.up()
    tap.fault = None
    cluster.up()
    cluster.down()
    assert tap.left == []


def test_trouble_at_aws_itself_leaves_it_open_whether_something_was_made(
    tap: Tap, tmp_path: Path
) -> None:
    cluster = site(tap, tmp_path)
    error = Refused("InternalError", "An internal error has occurred", 500)
    tap.fault = Fault(at=20, when=When.AFTER, error=error, lasting=True)
    with pytest.raises(HardwayError):
        cluster.up()
    tap.fault = None
    before = len(tap.calls)
    cluster.provider = replace(cluster.provider, timing=replace(TIMING, consistency_s=0.5))
    cluster.up()
    assert writes(tap.actions[before:]).count("CreateVpc") <= 1
    cluster.down()
    assert tap.left == []


def test_a_region_is_needed_to_ask(tap: Tap, tmp_path: Path) -> None:
    cluster = site(tap, tmp_path)
    spec = cluster.provider.spec
    nowhere = spec.model_copy(update={"aws": spec.aws.model_copy(update={"region": None})})
    with refused(RefusedError, "aws.region"):
        asyncio.run(replace(cluster.provider, spec=nowhere).belongings("demo"))
