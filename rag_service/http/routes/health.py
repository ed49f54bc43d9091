"""Liveness, readiness and metrics for a cluster. They need no key and show no code."""

from typing import Annotated, Any, Literal

from fastapi import APIRouter, Query, Response
from prometheus_client import CONTENT_TYPE_LATEST

from rag_service.http.routes.dependencies import Served
from rag_service.http.routes.forms import ErrorOut

router = APIRouter(tags=["Operation"])


@router.get("/healthz")
async def healthz() -> dict[str, str]:
    """Report that the process is alive."""
    return {"status": "alive"}


@router.get("/readyz", responses={503: {"model": ErrorOut, "description": "what is missing"}})
def readyz(
    service: Served,
    exclude: Annotated[
        Literal["store"] | None,
        Query(
            description="`store`: ignore the store, which all replicas share, once the service was ready (for a cluster's probe)"
        ),
    ] = None,
) -> dict[str, Any]:
    """Report whether questions can be answered: the index opens and contains a repository."""
    repositories = service.check_ready(exclude_store=exclude == "store")
    chunks = sum(repository.chunks for repository in repositories)
    return {"status": "ready", "model": service.model(), "repositories": len(repositories), "chunks": chunks}


@router.get("/metrics", response_class=Response)
def metrics(service: Served) -> Response:
    """Return the metrics in Prometheus' text format."""
    return Response(service.metrics.text(), media_type=CONTENT_TYPE_LATEST)
