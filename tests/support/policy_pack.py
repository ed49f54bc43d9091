"""The policy pack's own server, called over gRPC as Pulumi's engine does."""

import subprocess
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import grpc  # type: ignore[import-untyped]
from google.protobuf import struct_pb2  # type: ignore[import-untyped]
from pulumi.runtime.proto import analyzer_pb2, analyzer_pb2_grpc

from testbed.kubernetes.api import Object

PACK = Path(__file__).parents[2] / "infra" / "policy"


class PolicyPack:
    """A client of the running pack; a resource has the keys of Pulumi's state: `type`, `urn` and `inputs`."""

    def __init__(self, stub: analyzer_pb2_grpc.AnalyzerStub) -> None:
        self.stub: Any = stub

    def violations(self, resource: Object) -> dict[str, str]:
        """Return the violations of a resource: rule → message."""
        found = self.stub.Analyze(_filled(analyzer_pb2.AnalyzeRequest(), resource)).diagnostics
        assert all(each.enforcementLevel == analyzer_pb2.MANDATORY for each in found)
        return {each.policyName: each.message for each in found}

    def of_stack(self, resources: Iterable[Object]) -> list[str]:
        """Return what resources break together."""
        request = analyzer_pb2.AnalyzeStackRequest()
        for each in resources:
            _filled(request.resources.add(), each)
        return [each.message for each in self.stub.AnalyzeStack(request).diagnostics]


@contextmanager
def policy_pack() -> Iterator[PolicyPack]:
    """Start the pack and yield its client."""
    command = [sys.executable, "-u", str(PACK)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as server:
        try:
            assert server.stdout
            address = f"127.0.0.1:{server.stdout.readline().strip()}"
            with grpc.insecure_channel(address, options=[("grpc.max_receive_message_length", 1 << 26)]) as channel:
                yield PolicyPack(analyzer_pb2_grpc.AnalyzerStub(channel))
        finally:
            server.terminate()


def _filled(request: Any, resource: Object) -> Any:
    request.type, request.urn = resource["type"], resource["urn"]
    request.name = resource["urn"].rpartition("::")[2]
    properties = struct_pb2.Struct()
    properties.update(resource["inputs"])
    request.properties.CopyFrom(properties)
    return request
