"""What to do about a frame in quarantine, by its reason: for the answers of the API and for the console alike."""

from model.device import Language, Text
from model.errors import Reason
from model.views import QuarantinedFrame

_REGISTER = Text(
    en="Register it, for instance by “penfeld devices add {device} --type {type}” (or POST /api/v1/devices): its frames"
    " in quarantine are then taken within seconds, and its next frames as they come.",
    fr="Déclarez-le, par exemple par « penfeld devices add {device} --type {type} » (ou POST /api/v1/devices) : ses"
    " trames en quarantaine sont alors reprises en quelques secondes, et les trames suivantes dès leur arrivée.",
)
_REGISTER_AGAIN = Text(
    en="It was retired. If it counts again, register it by “penfeld devices add {device} --type {type}”: its frames in"
    " quarantine are then taken within seconds. If not, switch it off.",
    fr="Il a été retiré. S’il doit compter de nouveau, déclarez-le par « penfeld devices add {device} --type {type} » :"
    " ses trames en quarantaine sont alors reprises en quelques secondes. Sinon, éteignez-le.",
)
_REMEDIES = {
    Reason.UNKNOWN_TOPIC: Text(
        en="No source listens to this topic. Check the network server’s topic template and [[source]] in penfeld.toml;"
        " then “penfeld quarantine replay --reason unknown_topic”.",
        fr="Aucune source n’écoute ce sujet. Vérifiez le modèle de sujet du serveur de réseau et [[source]] dans"
        " penfeld.toml ; puis « penfeld quarantine replay --reason unknown_topic ».",
    ),
    Reason.BAD_ENVELOPE: Text(
        en="The detail names the field that is missing or wrong. Check the network server’s integration and version.",
        fr="Le détail nomme le champ absent ou faux. Vérifiez l’intégration du serveur de réseau et sa version.",
    ),
    Reason.UNKNOWN_DEVICE: _REGISTER,
    Reason.PENDING_DEVICE: _REGISTER,
    Reason.RETIRED_DEVICE: _REGISTER_AGAIN,
    Reason.UNKNOWN_TYPE: Text(
        en="No device file is named {type}.toml. Add one, or correct the type in the register or in the topic: the"
        " frames are then taken within seconds.",
        fr="Aucun fichier d’appareil ne s’appelle {type}.toml. Ajoutez-en un, ou corrigez le type déclaré ou le sujet :"
        " les trames sont alors reprises en quelques secondes.",
    ),
    Reason.BAD_PAYLOAD: Text(
        en="The bytes do not fit the device’s layout. Try them on its type’s page; check type and firmware. When the"
        " device file is corrected: “penfeld quarantine replay --reason bad_payload”.",
        fr="Les octets ne suivent pas la structure. Essayez-les sur la page du type ; vérifiez type et version. Une"
        " fois le fichier corrigé : « penfeld quarantine replay --reason bad_payload ».",
    ),
    Reason.CODEC_SUSPENDED: Text(
        en="The maker’s script of this device type took more time or memory than it may, again and again. Mend it (the"
        " detail names its line), then “penfeld quarantine replay --reason codec_suspended”.",
        fr="Le script du fabricant a dépassé à maintes reprises le temps ou la mémoire permis. Corrigez-le (le détail"
        " donne la ligne) : il est repris aussitôt. Puis « penfeld quarantine replay --reason codec_suspended ».",
    ),
    Reason.REJECTED_BY_DATABASE: Text(
        en="The database refused the row; the detail says why. Report it: the device file may promise too much.",
        fr="La base a refusé la ligne ; le détail dit pourquoi. Signalez-le : le fichier promet peut-être trop.",
    ),
}


def remedy(frame: QuarantinedFrame, language: Language) -> str:
    """Return what to do next about a frame."""
    return _fill(_REMEDIES[frame.reason], language, frame.device, frame.device_type)


def registering(device: str, device_type: str | None, language: Language) -> str:
    """Return how a device that was heard is registered."""
    return _fill(_REGISTER, language, device, device_type)


def _fill(text: Text, language: Language, device: str | None, device_type: str | None) -> str:
    return text.get(language).format(device=device or "ID", type=device_type or "TYPE")
