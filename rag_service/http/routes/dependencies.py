"""FastAPI dependencies of the routes."""

from typing import Annotated

from fastapi import Depends, Request

from rag_service.answer.asker import Asker
from rag_service.http.limits.admission import identify_asker
from rag_service.http.running import QuestionExecutor
from rag_service.http.service import Service


def _service(request: Request) -> Service:
    found: Service = request.app.state.service
    return found


def _executor(request: Request) -> QuestionExecutor:
    found: QuestionExecutor = request.app.state.executor
    return found


Served = Annotated[Service, Depends(_service)]
Lanes = Annotated[QuestionExecutor, Depends(_executor)]
Askers = Annotated[Asker, Depends(identify_asker)]
