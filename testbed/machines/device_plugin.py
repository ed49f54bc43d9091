"""A double of NVIDIA's device plugin: it speaks the kubelet's device-plugin API and offers slices of a card.

It registers, reports every change of health to the kubelet, and answers Allocate as the real one does with time-slicing:
with the card's number in NVIDIA_VISIBLE_DEVICES. There is no card behind it.
"""

import queue
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import grpc  # type: ignore[import-untyped]
from google.protobuf import descriptor_pb2, descriptor_pool, message_factory  # type: ignore[import-untyped]

from testbed.machines.node import KUBELET_SOCKET, Node

SOCKET = "nvidia.sock"
VERSION = "v1beta1"
FIELD = descriptor_pb2.FieldDescriptorProto
# Messages from k8s.io/kubelet/pkg/apis/deviceplugin/v1beta1/api.proto: field, number, type.
MESSAGES: dict[str, list[tuple[str, int, str]]] = {
    "Empty": [],
    "DevicePluginOptions": [("pre_start_required", 1, "bool"), ("get_preferred_allocation_available", 2, "bool")],
    "RegisterRequest": [("version", 1, "string"), ("endpoint", 2, "string"), ("resource_name", 3, "string")],
    "Device": [("ID", 1, "string"), ("health", 2, "string")],
    "ListAndWatchResponse": [("devices", 1, "*Device")],
    "ContainerAllocateRequest": [("devices_ids", 1, "*string")],
    "AllocateRequest": [("container_requests", 1, "*ContainerAllocateRequest")],
    "Env": [("key", 1, "string"), ("value", 2, "string")],  # an entry of a map<string, string>
    "ContainerAllocateResponse": [("envs", 1, "*Env")],
    "AllocateResponse": [("container_responses", 1, "*ContainerAllocateResponse")],
}


def _messages() -> dict[str, Any]:
    """Return the protobuf classes of MESSAGES."""
    file = descriptor_pb2.FileDescriptorProto(name="deviceplugin.proto", package=VERSION, syntax="proto3")
    for name, fields in MESSAGES.items():
        message = file.message_type.add(name=name)
        for field, number, kind in fields:
            plain = kind.removeprefix("*")
            scalar = {"string": FIELD.TYPE_STRING, "bool": FIELD.TYPE_BOOL}.get(plain)
            label = FIELD.LABEL_REPEATED if kind.startswith("*") else FIELD.LABEL_OPTIONAL
            more = {"type": scalar} if scalar else {"type": FIELD.TYPE_MESSAGE, "type_name": f".{VERSION}.{plain}"}
            message.field.add(name=field, number=number, label=label, **more)
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    found = {name: pool.FindMessageTypeByName(f"{VERSION}.{name}") for name in MESSAGES}
    return {name: message_factory.GetMessageClass(each) for name, each in found.items()}


M = _messages()


class DevicePlugin:
    """Offers devices of one resource on a node."""

    def __init__(self, node: Node, resource: str, devices: list[str]) -> None:
        self.node, self.resource = node, resource
        self.health = dict.fromkeys(devices, "Healthy")
        self.allocated: list[list[str]] = []
        self._changes: queue.SimpleQueue[bool] = queue.SimpleQueue()
        self._server: grpc.Server | None = None

    def start(self) -> None:
        """Serve, and register with the node's kubelet, which empties the folder of sockets when it starts."""
        kubelet = self.node.root / KUBELET_SOCKET
        self.node.processes.wait(kubelet.exists, "the kubelet's socket")
        mine = kubelet.with_name(SOCKET)
        mine.unlink(missing_ok=True)
        self._changes = queue.SimpleQueue()
        self._server = grpc.server(ThreadPoolExecutor(4))
        self._server.add_generic_rpc_handlers((self._handlers(),))
        self._server.add_insecure_port(f"unix:{mine}")
        self._server.start()
        request = M["RegisterRequest"](version=VERSION, endpoint=SOCKET, resource_name=self.resource)
        options = [("grpc.default_authority", "localhost")]
        with grpc.insecure_channel(f"unix:{kubelet}", options) as channel:
            register = channel.unary_unary(
                f"/{VERSION}.Registration/Register", M["RegisterRequest"].SerializeToString, M["Empty"].FromString
            )
            register(request, timeout=60, wait_for_ready=True)

    def set_health(self, device: str, healthy: bool) -> None:
        """Report a device to the kubelet as healthy or unhealthy."""
        self.health[device] = "Healthy" if healthy else "Unhealthy"
        self._changes.put(True)

    def stop(self) -> None:
        """Stop serving; the kubelet keeps its allocations."""
        self._changes.put(False)
        if self._server:
            self._server.stop(0).wait()
            self._server = None

    def _handlers(self) -> grpc.GenericRpcHandler:
        unary, stream = grpc.unary_unary_rpc_method_handler, grpc.unary_stream_rpc_method_handler
        empty = M["Empty"]
        methods = {
            "GetDevicePluginOptions": unary(
                lambda request, context: M["DevicePluginOptions"](),
                empty.FromString,
                M["DevicePluginOptions"].SerializeToString,
            ),
            "ListAndWatch": stream(self._watch, empty.FromString, M["ListAndWatchResponse"].SerializeToString),
            "Allocate": unary(self._allocate, M["AllocateRequest"].FromString, M["AllocateResponse"].SerializeToString),
        }
        return grpc.method_handlers_generic_handler(f"{VERSION}.DevicePlugin", methods)

    def _watch(self, request: Any, context: grpc.ServicerContext) -> Iterator[Any]:
        yield self._devices()
        while self._changes.get():
            yield self._devices()

    def _devices(self) -> Any:
        devices = [M["Device"](ID=name, health=health) for name, health in self.health.items()]
        return M["ListAndWatchResponse"](devices=devices)

    def _allocate(self, request: Any, context: grpc.ServicerContext) -> Any:
        answer = M["AllocateResponse"]()
        for each in request.container_requests:
            self.allocated.append(list(each.devices_ids))
            answer.container_responses.add(envs=[M["Env"](key="NVIDIA_VISIBLE_DEVICES", value="0")])
        return answer
