"""Instances take their time: pending, running, shutting-down, terminated."""

from collections.abc import Callable
from xml.etree import ElementTree as ET

from tests.aws import wire
from tests.aws.account import Account, Rule
from tests.aws.wire import Answer, Call, Refused, ec2_answer
from tests.aws.world import STATES, Instance

LOOKING = (
    "ec2:DescribeInstances",
    "ec2:DescribeInstanceStatus",
    "ec2:DescribeNetworkInterfaces",
)


def _starting(account: Account, call: Call, answer: Answer) -> None:
    asked = set(call.listed("InstanceId"))
    for instance in account.world.instances():
        if instance.id in asked or instance.id not in account.known:
            account.world.set_state(instance, "pending")
            account.looks[instance.id] = account.laws.pending_looks


def _startable(account: Account, call: Call) -> None:
    for instance_id in call.listed("InstanceId"):
        instance = account.world.instance(instance_id)
        if instance and instance.state not in {"stopped", "running", "pending"}:
            raise Refused(
                "IncorrectInstanceState",
                f"The instance '{instance_id}' is not in a state from which it can be started.",
            )


def _leave(becoming: str) -> Callable[[Account, Call], Answer | None]:
    """Return what StopInstances or TerminateInstances does at once."""

    def leave(account: Account, call: Call) -> Answer | None:
        found = [account.world.instance(name) for name in call.listed("InstanceId")]
        rows = ET.Element("instancesSet")
        for instance in found:
            if instance is None:
                return None  # moto names the one it does not know
            was = instance.state
            if was not in {becoming, "terminated", "stopped"} or (
                becoming == "shutting-down" and was == "stopped"
            ):
                account.world.set_state(instance, becoming)
                account.looks[instance.id] = account.laws.pending_looks
            rows.append(_change(instance, was))
        return ec2_answer(call.action, ET.tostring(rows).decode())

    return leave


def _change(instance: Instance, was: str) -> ET.Element:
    row = ET.Element("item")
    ET.SubElement(row, "instanceId").text = instance.id
    for name, state in (("currentState", instance.state), ("previousState", was)):
        element = ET.SubElement(row, name)
        ET.SubElement(element, "code").text = str(STATES[state])
        ET.SubElement(element, "name").text = state
    return row


def _pass_time(account: Account, call: Call) -> None:
    hooks, world = account.hooks, account.world
    for instance in world.alive():
        if not account.settled(instance.id):
            continue
        if instance.state == "pending":
            if hooks.boots is None or hooks.boots(instance.id):
                world.set_state(instance, "running")
        elif hooks.ended is None or hooks.ended(instance.id):
            if instance.state == "shutting-down":
                world.terminate(instance)
            elif instance.state == "stopping":
                instance.stop()


def _both_ends(account: Account, call: Call, answer: Answer) -> None:
    """A route to an instance is one to its interface, and the other way round."""
    for table in account.world.route_tables():
        for route in table.routes:
            if route.instance and not route.interface:
                route.interface = account.world.interfaces_of_instance(route.instance)[0]
            elif route.interface and not route.instance:
                route.instance = route.interface.instance


def _blackholes(account: Account, call: Call, answer: Answer) -> Answer | None:
    dead = {i.id for i in account.world.instances() if i.state == "terminated"}
    root = ET.fromstring(answer.body)
    for item in root.iter():
        if wire.text(item, "instanceId") in dead:
            for child in item:
                if child.tag.endswith("state"):
                    child.text = "blackhole"
    return Answer(answer.status, ET.tostring(root))


RULES = (
    Rule(actions=("ec2:StartInstances",), before=_startable, why="not while it is stopping"),
    Rule(actions=("ec2:RunInstances", "ec2:StartInstances"), after=_starting, why="moto: running"),
    Rule(actions=("ec2:TerminateInstances",), before=_leave("shutting-down"), why="moto: gone"),
    Rule(actions=("ec2:StopInstances",), before=_leave("stopping"), why="moto: stopped"),
    Rule(actions=LOOKING, before=_pass_time, why="until so many looks are over"),
    Rule(actions=("ec2:CreateRoute", "ec2:ReplaceRoute"), after=_both_ends, why="AWS shows both"),
    Rule(actions=("ec2:DescribeRouteTables",), after=_blackholes, why="moto: active for ever"),
)
