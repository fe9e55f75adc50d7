"""What can go wrong while weights are loaded: one small tree, each message with its next step."""


class LoadError(Exception):
    """Weights can't be loaded."""


class BadSettings(LoadError):  # noqa: N818 - named after what is wrong
    """A setting is unknown or out of its bounds."""


class BadCheckpoint(LoadError):  # noqa: N818
    """A file isn't what the safetensors format or the index of its checkpoint says."""


class Incomplete(LoadError):  # noqa: N818
    """The checkpoint lacks tensors that the model needs."""


class StorageFailed(LoadError):  # noqa: N818
    """A storage can't be reached or read, and trying again didn't help."""


class NotFound(StorageFailed):
    """There is no such file or object."""


class Refused(StorageFailed):
    """The storage refuses these credentials, or the request."""


class Changed(StorageFailed):
    """A file or object was replaced or cut while it was being read."""


class BadAnswer(StorageFailed):
    """A server's answer to a range isn't the range that was asked for."""


class Altered(LoadError):  # noqa: N818
    """Bytes differ from the manifest of digests."""
