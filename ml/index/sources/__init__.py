"""Sources: a folder, a git repository, a git URL or an archive, opened as a tree of files worth indexing."""

from ml.index.sources.base import Reason, Skipped, Source, SourceFile, SourceText
from ml.index.sources.opening import open_source
from ml.index.sources.reading import fingerprint, read

__all__ = ["Reason", "Skipped", "Source", "SourceFile", "SourceText", "fingerprint", "open_source", "read"]
