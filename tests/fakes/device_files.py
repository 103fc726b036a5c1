"""``DeviceFiles`` in memory."""

from collections.abc import Mapping

from decoders.device import Definition
from decoders.device_edit import with_field
from model.device import DeviceType, NewField
from model.errors import BadRequestError, ConfigError, ConflictError


class DeviceFiles:
    """Texts of device files by name: those that may be changed. Scripts are there, whatever they are called."""

    def __init__(self, texts: Mapping[str, str]) -> None:
        self.texts = dict(texts)

    async def add_field(self, device_type: str, field: NewField) -> DeviceType:
        """Put the field into the text."""
        if device_type not in self.texts:
            raise ConflictError(f"{device_type} comes with Penfeld: copy its file to ./my-devices to change it")
        changed = with_field(self.texts[device_type], field)
        try:
            definition = Definition.read(device_type, changed, lambda _: "")
        except ConfigError as error:
            raise BadRequestError("; ".join(error.problems)) from None
        self.texts[device_type] = changed
        return definition.type
