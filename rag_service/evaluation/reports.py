"""Write the results of an evaluation: reports as JSON, and an HTML page."""

import socket
from collections.abc import Callable
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import quote

from ml.errors import EvaluationError
from ml.evaluation.page import render
from ml.evaluation.report import Report
from ml.handover import BASE, CANDIDATE, production_report
from ml.registry.gate import DEFAULT
from rag_service.evaluation.measuring import Measured
from rag_service.version import version

if TYPE_CHECKING:
    from ml.settings import Settings


def write_reports(measured: Measured, folder: Path, page: Path, settings: "Settings") -> None:
    """Write the HTML page, and the reports as JSON: BASE and, with an adapter, CANDIDATE and Production's.

    A candidate's report from an earlier evaluation is deleted. Raise EvaluationError if writing fails.
    """
    made = f"made {datetime.now(UTC):%Y-%m-%d %H:%M} UTC by codeintel {version()}"
    html = render(
        measured.report,
        against=measured.against,
        decision=measured.decision,
        least=thresholds(measured.report),
        losses=measured.losses,
        link=links(settings),
        made=made,
    )
    texts = {page: html, folder / BASE: (measured.base or measured.report).to_json()}
    if measured.base:
        texts[folder / CANDIDATE] = measured.report.to_json()
    if measured.production:
        texts[production_report(folder, measured.version)] = measured.production.to_json()
    try:
        (folder / CANDIDATE).unlink(missing_ok=True)
        for file, text in texts.items():
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(text, encoding="utf-8")
    except OSError as error:
        raise EvaluationError(f"{error.filename} can't be written ({error.strerror})", "name another --html") from error


def thresholds(report: Report) -> dict[str, float]:
    """Return the gate's thresholds that apply to a report."""
    judged = bool(report.judge and report.judge.passed)
    return dict(DEFAULT.least) if judged else {**DEFAULT.least, **DEFAULT.least_without_judge}


def links(settings: "Settings") -> Callable[[str], str]:
    """Return a function that links a location to the editor if its repository is a local folder."""
    from rag_service.retrieve import open_retriever

    with closing(open_retriever(settings).store) as store:
        sources = {repository.name: repository.source for repository in store.repositories()}

    def link(place: str) -> str:
        repo, path, lines = place.split(":", 1)[0], *place.split(":", 1)[1].rsplit(":", 1)
        file = Path(sources.get(repo, "")) / path
        if not file.is_absolute():
            return ""
        line = lines.split("-")[0]
        return settings.editor_link.format(host=socket.gethostname(), path=quote(str(file)), line=line)

    return link
