"""The parts of vLLM with LoRA adapters that the service and the evaluation need, over real HTTP: models, loading, answers."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from tests.support.http_double import Handler, serve
from tests.support.llm_server import says

BASE = "big"


@contextmanager
def vllm_double(reply: Callable[[str], str]) -> Iterator[str]:
    """Run an endpoint that serves BASE and loaded adapters, answering with a function of the model; yield its address."""
    names = {BASE: "/weights/big"}

    class Endpoint(Handler):
        def do_GET(self) -> None:
            self.reply_json({"object": "list", "data": [{"id": name, "root": root} for name, root in names.items()]})

        def do_POST(self) -> None:
            request = self.read_json()
            if self.path.endswith("/load_lora_adapter"):
                names[request["lora_name"]] = request["lora_path"]
                self.reply_json({"loaded": True})
            else:
                says(reply(request["model"]))(self)

    with serve(Endpoint) as address:
        yield f"{address}/v1"
