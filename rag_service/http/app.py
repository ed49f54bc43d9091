"""The application: routes, middleware and lifespan."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from anyio.to_thread import run_sync
from fastapi import FastAPI

from ml.settings import Settings
from rag_service.http import errors
from rag_service.http.limits.admission import Admission
from rag_service.http.limits.bodies import BodyBuffer
from rag_service.http.limits.security import LocalHosts, RequireKey, SecurityHeaders
from rag_service.http.metrics import RequestMetrics
from rag_service.http.routes import api, chat, chats, embeddings, health, page, responses
from rag_service.http.running import QuestionExecutor
from rag_service.http.service import Service
from rag_service.version import version

ABOUT = "Questions about your repositories, answered with links to `path:line`."


def create_app(settings: Settings) -> FastAPI:
    """Create the application. It opens index and LLM in the background on startup and closes them on shutdown."""
    service = Service(settings)

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        warming = service.warm_up()
        yield
        await run_sync(warming.join)
        await run_sync(service.close)

    app = FastAPI(
        title="codeintel",
        summary=ABOUT,
        version=version(),
        lifespan=lifespan,
        docs_url=None,
        redoc_url=None,
        telemetry={"auto_configure": False},
    )
    admission = Admission(settings)
    service.metrics.watch_places(admission)
    app.state.settings, app.state.service, app.state.executor = (
        settings,
        service,
        QuestionExecutor(admission, settings.max_running),
    )
    routers = (api, chats, chat, embeddings, responses, health, page)
    for router in (module.router for module in routers):
        app.include_router(router)
    app.mount("/assets", page.assets())
    errors.install(app)
    app.add_middleware(BodyBuffer)
    app.add_middleware(RequireKey, settings=settings)
    app.add_middleware(LocalHosts, settings=settings)
    app.add_middleware(SecurityHeaders)
    app.add_middleware(RequestMetrics, metrics=service.metrics)
    return app
