"""A stack's settings, under `codeintel:` in Pulumi.<stack>.yaml, validated before anything is registered.

`pulumi config set --path codeintel:components.knative false` leaves a component out; `existing` means that the cluster
already has it: our objects are created, its chart is not installed.
"""

import json
import re
from collections.abc import Mapping
from enum import StrEnum
from functools import cached_property
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, ValidationError, field_validator, model_validator

from infra.pulumi.catalog import PARTS, in_order
from infra.pulumi.entrance import HOST, Ingress
from infra.pulumi.errors import PlatformError
from infra.pulumi.receivers import HOST_PORT, URL, Alerts
from infra.pulumi.section import CIDR, Cidr, Secret, Section, section_of
from ml.serving.inference import LEAST_CACHE_BYTES, WORKING_BYTES, Cards
from ml.training.runtime import SLICES

PREFIX = "codeintel:"
FIRST = "1"  # the rotation of passwords that were never replaced
QUANTITY = r"^[1-9][0-9]*(m|k|M|G|T|Ki|Mi|Gi|Ti)?$"
PRIVATE = ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16")
TIME = r"^([01][0-9]|2[0-3]):[0-5][0-9]$"

Quantity = Annotated[str, Field(pattern=QUANTITY)]
Time = Annotated[str, Field(pattern=TIME)]


class Presence(StrEnum):
    """Where a component comes from."""

    INSTALL = "install"
    EXISTING = "existing"
    OFF = "off"


def _presence(value: object) -> object:
    words = {True: "install", False: "off", "true": "install", "false": "off"}
    return words.get(value, value) if isinstance(value, bool | str) else value


Installed = Annotated[Literal[Presence.INSTALL, Presence.OFF], BeforeValidator(_presence)]
Shared = Annotated[Presence, BeforeValidator(_presence)]  # installed in the cluster by somebody else


class Components(Section):
    """Which components the stack has."""

    gpu_node: Installed = Presence.OFF
    device_plugin: Shared = Presence.OFF
    cert_manager: Shared = Presence.INSTALL
    knative: Shared = Presence.INSTALL
    kserve: Shared = Presence.INSTALL
    pipelines: Shared = Presence.INSTALL
    trainer: Shared = Presence.INSTALL
    observability: Shared = Presence.INSTALL
    object_store: Installed = Presence.INSTALL
    postgres: Installed = Presence.INSTALL
    mlflow: Installed = Presence.INSTALL
    qdrant: Installed = Presence.INSTALL
    langfuse: Installed = Presence.INSTALL
    models: Installed = Presence.INSTALL
    assistant: Installed = Presence.INSTALL
    backups: Installed = Presence.INSTALL

    @cached_property
    def left_out(self) -> dict[str, str]:
        """Each enabled component that can't be installed, with the dependency that it lacks."""
        lacking: dict[str, str] = {}
        for name in in_order():
            if not PARTS[name].implied and getattr(self, name) != Presence.OFF:
                missing = (need for need in PARTS[name].needs if need in lacking or getattr(self, need) == Presence.OFF)
                lacking.update((name, need) for need in list(missing)[:1])
        return lacking

    def has(self, name: str) -> bool:
        """Return whether the cluster will have the component, from this program or already."""
        if PARTS[name].implied:
            return all(map(self.has, PARTS[name].needs))
        return getattr(self, name) != Presence.OFF and name not in self.left_out

    def installs(self, name: str) -> bool:
        """Return whether this program installs the component's chart or manifests."""
        if PARTS[name].implied:
            return self.has(name)
        return getattr(self, name) == Presence.INSTALL and name not in self.left_out


class Window(Section):
    """When a training may start; one that has started keeps the card until it ends."""

    opens: Time = Field(description="time of the day, such as 01:00")
    closes: Time = Field(description="time of the day, such as 05:00")
    time_zone: str = Field("Etc/UTC", description="whose time that is, such as Europe/Moscow")


class Gpu(Section):
    """The shared card: its slices are a lock and isolate neither memory nor faults."""

    cards: int = Field(1, ge=1, le=16, description="physical GPUs of the GPU node")
    slices: int = Field(SLICES, ge=1, le=48, description="time-slices that each card is offered as")
    memory: Quantity = Field("24G", description="memory of each card")
    window: Window | None = Field(
        None, description="when trainings may take the card from the models; by default as soon as they are started"
    )
    nodes: tuple[str, ...] = Field((), description="names of nodes to label and taint here; none: kubelets do it")
    stages: bool | None = Field(
        None,
        description="gives the pipeline's training stage the card's runtime, by an admission policy; by default where "
        "Kubernetes has those",
    )

    @property
    def offered(self) -> int:
        """How many `nvidia.com/gpu` the cluster has."""
        return self.shared.offered

    @property
    def shared(self) -> Cards:
        """The cards as the models share them."""
        return Cards(self.cards, self.slices, in_bytes(self.memory))


class Models(Section):
    """The two InferenceServices: production takes the whole card, the autoscaling test one slice a pod."""

    name: str = "code-assistant"
    base: str = Field("hf://Qwen/Qwen2.5-Coder-7B-Instruct", description="where the base model comes from")
    size: Quantity = "20Gi"
    gpus: int | None = Field(None, ge=0, description="slices of the production model; by default all of them")
    tensor_parallel: int | None = Field(
        None,
        ge=1,
        description="cards that the production model is split over, a divisor of its attention heads; by default all of "
        "them where it takes all slices",
    )
    adapter_rank: Literal[1, 8, 16, 32, 64, 128, 256, 320, 512] = 16
    autoscaling_base: str = Field(
        "hf://Qwen/Qwen2.5-Coder-0.5B-Instruct", description="a small model, of which each slice holds one"
    )
    autoscaling_size: Quantity = Field("1Gi", description="the most that its weights take")
    autoscaling_max: int = Field(5, ge=1)
    token: Secret | None = Field(None, description="Hugging Face's token, for models that ask for an agreement")
    cache: bool | None = Field(
        None,
        description="keeps weights on the node's disk; by default on a GPU node that KServe's downloads can be let onto",
    )


class Vectors(Section):
    """The Qdrant cluster: one server, or several on Kubernetes nodes of their own."""

    nodes: int = Field(1, ge=1, le=64, description="Qdrant servers; from three on, the loss of one is survived")
    replicas: int = Field(1, ge=1, description="copies of each shard, on different servers")
    shards: int | None = Field(None, ge=1, description="shards of a new collection; by default one for each server")

    @property
    def clustered(self) -> bool:
        """Whether the servers form a cluster."""
        return self.nodes > 1

    @property
    def spread(self) -> int:
        """How many shards a new collection gets."""
        return self.shards or self.nodes


class Assistant(Section):
    """The assistant's service."""

    replicas: int = Field(1, ge=1, le=16)
    cpu: Quantity = "1"
    memory: Quantity = "2Gi"
    repositories: tuple[str, ...] = Field((), description="git URLs that are indexed every night")


class Storage(Section):
    """Sizes of the volumes; the class is the cluster's default where none is named."""

    class_name: str | None = None
    postgres: Quantity = "20Gi"
    objects: Quantity = "50Gi"
    vectors: Quantity = "20Gi"
    assistant: Quantity = "10Gi"
    metrics: Quantity = Field("30Gi", description="what Prometheus keeps: thirty days, or as much as fits")
    model_cache: Quantity = "100Gi"
    workspace: Quantity = "50Gi"
    silences: Quantity = "1Gi"


class Network(Section):
    """Allowed traffic beyond the pods' namespaces; everything else is denied."""

    api_server: tuple[Cidr, ...] = Field(PRIVATE, description="addresses of the Kubernetes API server")
    nodes: tuple[Cidr, ...] = Field(PRIVATE, description="addresses of the nodes, whose metrics Prometheus reads")
    git: tuple[Cidr, ...] = Field((), description="addresses of the git servers that are indexed")
    downloads: bool = Field(
        False, description="lets models and training download weights from the internet (HTTPS); false: air gap"
    )
    weights: tuple[Cidr, ...] = Field(
        (), description="addresses of your own storage of weights, if models.base is there"
    )


class Backups(Section):
    """The backup target: by default our own object store, which survives mistakes but not the loss of its disk."""

    endpoint: str | None = Field(None, description="address of another S3, with its keys in the secret backup-target")
    addresses: tuple[Cidr, ...] = Field((), description="its IP addresses, which the backup jobs may reach")
    bucket: str = "backups"
    kept: int = Field(14, ge=1, description="how many copies are kept")


Word = Annotated[str, Field(coerce_numbers_to_str=True, min_length=1)]


class Rotation(Section):
    """Another word for a component, such as today's date, replaces its passwords; everything that reads them restarts."""

    assistant: Word = FIRST
    langfuse: Word = FIRST
    object_store: Word = FIRST
    observability: Word = FIRST
    pipelines: Word = FIRST
    postgres: Word = FIRST
    qdrant: Word = FIRST


class Mirror(Section):
    """The source of charts, manifests and images instead of their upstream addresses (`python -m infra.mirror`)."""

    folder: str | None = Field(None, description="folder of charts and manifests")
    registry: str | None = Field(None, description="prefix of every image, such as registry.example:5000/mirror")
    built: str | None = Field(
        None, description="prefix of the images that `make images` built and pushed; by default that of every image"
    )
    pull_secret: Secret | None = Field(
        None, description="credentials of the registries, as in Docker's config.json, for every pod of the platform"
    )

    @field_validator("pull_secret", mode="before")
    @classmethod
    def _docker_config(cls, value: object) -> object:
        """Take the file's text or its JSON; reject what Kubernetes would."""
        config = _value(value) if isinstance(value, str) else value
        if not isinstance(config, dict) or not isinstance(config.get("auths"), dict):
            raise ValueError('mirror.pullSecret|is not Docker\'s config.json|`{"auths": …}`, by --secret')
        return json.dumps(config)


class Settings(Section):
    """All settings of a stack."""

    components: Components = Components()
    gpu: Gpu = Gpu()
    models: Models = Models()
    vectors: Vectors = Vectors()
    assistant: Assistant = Assistant()
    storage: Storage = Storage()
    network: Network = Network()
    backups: Backups = Backups()
    rotation: Rotation = Rotation()
    alerts: Alerts = Alerts()
    ingress: Ingress = Ingress()
    mirror: Mirror = Mirror()
    protect: bool = Field(
        False, description="refuses to delete what holds data: namespaces with volumes, and the keys of encrypted data"
    )
    await_ready: bool | None = Field(
        None, description="whether `up` waits until pods run; by default where the cluster has a node that is ready"
    )

    @model_validator(mode="after")
    def _enough_slices(self) -> "Settings":
        wanted = self.models.gpus or 0
        if self.components.gpu_node != Presence.OFF and wanted > self.gpu.offered:
            raise ValueError(
                f"models.gpus|is {wanted}, and {self.gpu.cards} card(s) of {self.gpu.slices} slices offer "
                f"{self.gpu.offered}|a number up to {self.gpu.offered}, or more gpu.slices"
            )
        return self

    @model_validator(mode="after")
    def _split_over_cards(self) -> "Settings":
        wanted = self.models.tensor_parallel or 1
        if wanted > 1 and (wanted > self.gpu.cards or self.production_gpus < self.gpu.offered):
            raise ValueError(
                f"models.tensorParallel|is {wanted}, and the production model holds {self.production_gpus} slices of "
                f"{self.gpu.cards} card(s)|1, or give it all slices of at least {wanted} cards (gpu.cards)"
            )
        return self

    @model_validator(mode="after")
    def _autoscaling_fits(self) -> "Settings":
        """Reject a small model whose weights leave a slice no memory for answers."""
        if self.has_gpu and self.components.has("models"):
            left = self.gpu.shared.cache_bytes(1, in_bytes(self.models.autoscaling_size))
            if left < LEAST_CACHE_BYTES:
                raise ValueError(
                    f"models.autoscalingSize|is {self.models.autoscaling_size}, and a slice of {self.gpu.memory} / "
                    f"{self.gpu.slices} also has to hold {(WORKING_BYTES + LEAST_CACHE_BYTES) / 2**30:.2f} GiB of its own"
                    "|a smaller models.autoscalingBase, or fewer gpu.slices"
                )
        return self

    @model_validator(mode="after")
    def _enough_servers(self) -> "Settings":
        nodes, replicas = self.vectors.nodes, self.vectors.replicas
        if replicas > nodes:
            cause = f"is {replicas}, and {nodes} server(s) hold one copy each"
            raise ValueError(f"vectors.replicas|{cause}|a number up to {nodes}, or more vectors.nodes")
        return self

    @model_validator(mode="after")
    def _alerts_get_out(self) -> "Settings":
        if self.alerts.leave and not self.alerts.addresses:
            cure = "the IP addresses of the receivers; 0.0.0.0/0 for Slack and Telegram"
            raise ValueError(f"alerts.addresses|is empty, so the network policy keeps alerts in the cluster|{cure}")
        return self

    @property
    def has_gpu(self) -> bool:
        """Whether models and training run on a GPU here."""
        return self.components.has("gpu_node")

    @property
    def stages_see_card(self) -> bool:
        """Whether the training stage gets the GPU runtime class; otherwise it must be the node's default."""
        return self.has_gpu and self.gpu.stages is not False

    @property
    def caches_models(self) -> bool:
        """Whether weights are cached on a node's disk; otherwise each pod downloads them at start."""
        return self.has_gpu if self.models.cache is None else self.models.cache

    @property
    def production_gpus(self) -> int:
        """Slices that production and training request: all of them, as a lock on the card; none without a GPU."""
        if not self.has_gpu:
            return 0
        return self.models.gpus if self.models.gpus is not None else self.gpu.offered

    @property
    def tensor_parallel(self) -> int:
        """Cards that the production model is split over: only a pod with all slices is sure to see all cards."""
        if self.models.tensor_parallel is not None:
            return self.models.tensor_parallel
        return self.gpu.cards if self.has_gpu and self.production_gpus == self.gpu.offered else 1


def read_settings(config: Mapping[str, str]) -> Settings:
    """Return the settings of a stack's configuration, `codeintel:name` → value or JSON.

    Raise PlatformError, which names the setting and a valid value.
    """
    values = {key.removeprefix(PREFIX): _value(text) for key, text in config.items() if key.startswith(PREFIX)}
    try:
        return Settings.model_validate(values)
    except ValidationError as error:
        raise _explained(error) from error


def in_bytes(quantity: str) -> int:
    """Return a quantity's bytes."""
    from kubernetes.utils import parse_quantity

    return int(parse_quantity(quantity))


def _value(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return text


def _explained(error: ValidationError) -> PlatformError:
    """Return an error for the first invalid setting: its name, its value, and what is valid."""
    first = error.errors()[0]
    where = PREFIX + ".".join(str(part) for part in first["loc"] if part not in ("literal", "enum"))
    if first["type"] == "extra_forbidden":
        return PlatformError(f"there is no setting {where}", f"there are {_known(first['loc'][:-1])}")
    if first["type"] == "value_error":
        place, cause, cure = first["msg"].removeprefix("Value error, ").split("|")
        return PlatformError(f"{PREFIX}{place} {cause}", f"set {cure}")
    if first["type"] == "missing":
        return PlatformError(f"{where} is missing", "set it")
    return PlatformError(f"{where} is {first['input']!r}", f"set {_valid(first)}")


def _known(place: tuple[int | str, ...]) -> str:
    section: Any = Settings
    for part in place:
        section = next(section_of(f.annotation) for f in section.model_fields.values() if f.alias == part)
    return ", ".join(sorted(field.alias or name for name, field in section.model_fields.items()))


def _valid(error: Any) -> str:
    """Return the valid values in the settings' own terms rather than pydantic's."""
    context = error.get("ctx", {})
    if error["type"] in ("enum", "literal_error"):
        words = str(context["expected"])
        return "true, false or existing" if "existing" in words else "true or false" if "install" in words else words
    if context.get("pattern") == QUANTITY:
        return "a quantity such as 500m, 2 or 20Gi"
    if context.get("pattern") == CIDR:
        return "addresses such as 10.0.0.0/8"
    if context.get("pattern") == TIME:
        return "a time of the day such as 01:00"
    if context.get("pattern") == URL:
        return "an address such as https://hooks.example/alerts"
    if context.get("pattern") == HOST:
        return "a name such as assistant.example.org"
    if context.get("pattern") == HOST_PORT:
        return "a server such as smtp.example:587"
    return re.sub(r"^Input should be ", "", error["msg"])
