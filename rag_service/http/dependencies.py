"""What the routes get from the application."""

from typing import Annotated

from fastapi import Depends, Request

from rag_service.answer.asker import Asker
from rag_service.http.admission import asker_of
from rag_service.http.running import Lane
from rag_service.http.service import Service


def _service(request: Request) -> Service:
    found: Service = request.app.state.service
    return found


def _lane(request: Request) -> Lane:
    found: Lane = request.app.state.lane
    return found


Served = Annotated[Service, Depends(_service)]
Lanes = Annotated[Lane, Depends(_lane)]
Askers = Annotated[Asker, Depends(asker_of)]
