"""The web page and the API documentation: static files that ship with the package."""

from pathlib import Path

from fastapi import APIRouter
from fastapi.responses import FileResponse
from fastapi.staticfiles import StaticFiles

WEB = Path(__file__).parents[2] / "web"
REVALIDATE = {"Cache-Control": "no-cache"}  # the browser revalidates each file, so updates show at once

router = APIRouter(include_in_schema=False)


@router.get("/")
@router.get("/file")
def index() -> FileResponse:
    """Return the page; /file is the same page with a file open."""
    return FileResponse(WEB / "index.html", headers=REVALIDATE)


@router.get("/docs")
def docs() -> FileResponse:
    """Return the API documentation, rendered from /openapi.json in the browser."""
    return FileResponse(WEB / "docs.html", headers=REVALIDATE)


@router.get("/favicon.ico")
def favicon() -> FileResponse:
    """Return the icon for browsers that request it unprompted."""
    return FileResponse(WEB / "favicon.svg", headers=REVALIDATE)


def assets() -> StaticFiles:
    """Return a style sheet, script or icon."""
    return StaticFiles(directory=WEB)
