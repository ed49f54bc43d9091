"""The one error of the test cluster's own tools."""

from ml.errors import CodeIntelError


class ClusterError(CodeIntelError):
    """The test cluster can't be built or started; `cause` and `cure` say it in one line."""
