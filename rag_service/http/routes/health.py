"""What a cluster asks: is the process alive, can it answer, what does it measure. No key needed, no code shown."""

from typing import Annotated, Any, Literal

from fastapi import APIRouter, Query, Response
from prometheus_client import CONTENT_TYPE_LATEST

from rag_service.http.routes.dependencies import Served
from rag_service.http.routes.forms import ErrorOut

router = APIRouter(tags=["Operation"])


@router.get("/healthz")
async def healthz() -> dict[str, str]:
    """Say that the process is alive."""
    return {"status": "alive"}


@router.get("/readyz", responses={503: {"model": ErrorOut, "description": "what is missing"}})
def readyz(
    service: Served,
    exclude: Annotated[
        Literal["store"] | None,
        Query(
            description="`store`: once it was ready, what all replicas share does not count, as a cluster's probe asks"
        ),
    ] = None,
) -> dict[str, Any]:
    """Say whether questions can be answered: the index opens and holds a repository."""
    repositories = service.check_ready(exclude_store=exclude == "store")
    chunks = sum(repository.chunks for repository in repositories)
    return {"status": "ready", "model": service.model(), "repositories": len(repositories), "chunks": chunks}


@router.get("/metrics", response_class=Response)
def metrics(service: Served) -> Response:
    """Show the measurements in Prometheus' text form."""
    return Response(service.metrics.text(), media_type=CONTENT_TYPE_LATEST)
