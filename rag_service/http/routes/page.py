"""The web page and the documentation of the API: plain files that ship with the package."""

from pathlib import Path

from fastapi import APIRouter
from fastapi.responses import FileResponse
from fastapi.staticfiles import StaticFiles

WEB = Path(__file__).parents[2] / "web"
REVALIDATE = {"Cache-Control": "no-cache"}  # the browser asks whether a file changed, so an update shows at once

router = APIRouter(include_in_schema=False)


@router.get("/")
@router.get("/file")
def index() -> FileResponse:
    """The page; /file is the same with a file open."""
    return FileResponse(WEB / "index.html", headers=REVALIDATE)


@router.get("/docs")
def docs() -> FileResponse:
    """The documentation of the API, made of /openapi.json in the browser."""
    return FileResponse(WEB / "docs.html", headers=REVALIDATE)


@router.get("/favicon.ico")
def favicon() -> FileResponse:
    """The mark, for browsers that ask for it without being told."""
    return FileResponse(WEB / "favicon.svg", headers=REVALIDATE)


def assets() -> StaticFiles:
    """Style, scripts and the mark."""
    return StaticFiles(directory=WEB)
