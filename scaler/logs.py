"""Log lines: a fixed sentence, then fields. Text for people, JSON for collectors."""

import json
import logging
import sys
from datetime import UTC, datetime

# What every record carries; whatever else it carries was given as `extra`.
STANDARD = frozenset(logging.makeLogRecord({}).__dict__) | {"message", "asctime", "taskName"}


class FieldsFormatter(logging.Formatter):
    """One line a record. Values are JSON, so a name with a line break can't forge a line."""

    def __init__(self, *, as_json: bool) -> None:
        super().__init__()
        self._as_json = as_json

    def format(self, record: logging.LogRecord) -> str:
        """Return the record as one line."""
        fields = {k: v for k, v in record.__dict__.items() if k not in STANDARD}
        at = datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds")
        if record.exc_info:
            fields["exception"] = self.formatException(record.exc_info)
        if self._as_json:
            head = {"time": at, "level": record.levelname.lower(), "event": record.getMessage()}
            return json.dumps(head | fields, default=str)
        tail = " ".join(f"{k}={json.dumps(v, default=str)}" for k, v in fields.items())
        return f"{at} {record.levelname:<7} {record.getMessage()} {tail}".rstrip()


def set_up(level: str, *, as_json: bool) -> None:
    """Send every record of this process to stderr."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(FieldsFormatter(as_json=as_json))
    logging.basicConfig(level=level.upper(), handlers=[handler], force=True)
    logging.getLogger("urllib3").setLevel(logging.ERROR)  # its retries are counted by the source
