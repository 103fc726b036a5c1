"""Every text of generated boards in both languages; ``Words`` speaks one of them."""

# ruff: noqa: E501  a table of texts is read one text a line

from dataclasses import dataclass

from model.device import Language, Text

_TEXTS = {
    "city": Text(en="City", fr="Ville"),
    "health": Text(en="Health of the platform", fr="Santé de la plateforme"),
    "alarms": Text(en="Alarms", fr="Alarmes"),
    "device": Text(en="Device", fr="Capteur"),
    "lighting": Text(en="Lighting", fr="Éclairage"),
    "energy": Text(en="Energy", fr="Énergie"),
    "mobility": Text(en="Mobility", fr="Mobilité"),
    "parking": Text(en="Parking", fr="Stationnement"),
    "tracking": Text(en="Tracking", fr="Suivi"),
    "environment": Text(en="Environment", fr="Environnement"),
    "water": Text(en="Water", fr="Eau"),
    "waste": Text(en="Waste", fr="Déchets"),
    "other": Text(en="Other", fr="Autre"),
    "generated": Text(
        en="Made by Penfeld from its device files. To change it for good, save a copy under another name.",
        fr="Produit par Penfeld à partir de ses fichiers de capteurs. Pour le modifier durablement, enregistrez une copie.",
    ),
    "district": Text(en="District", fr="Quartier"),
    "experiment": Text(en="Experiment", fr="Expérimentation"),
    "devices": Text(en="Devices", fr="Capteurs"),
    "type": Text(en="Device type", fr="Type de capteur"),
    "types": Text(en="Device types", fr="Types de capteur"),
    "field": Text(en="Field", fr="Grandeur"),
    "by": Text(en="Curves by", fr="Courbes par"),
    "by_district": Text(en="district", fr="quartier"),
    "by_device": Text(en="device", fr="capteur"),
    "all": Text(en="All", fr="Tous"),
    "silent": Text(en="Silent", fr="Muets"),
    "alarmed": Text(en="With an alarm", fr="En alarme"),
    "open_alarms": Text(en="Open alarms", fr="Alarmes ouvertes"),
    "map": Text(en="Map", fr="Carte"),
    "fine": Text(en="As it should be", fr="Normal"),
    "name": Text(en="Name", fr="Nom"),
    "last_seen": Text(en="Last seen", fr="Dernière trame"),
    "newest": Text(en="Newest values", fr="Dernières valeurs"),
    "states": Text(en="Share of the time", fr="Part du temps"),
    "live": Text(en="Live", fr="En direct"),
    "live_hint": Text(
        en="Fed by `penfeld grafana live` every second, through Grafana Live. Empty while that does not run.",
        fr="Alimenté chaque seconde par `penfeld grafana live`, à travers Grafana Live. Vide tant que celui-ci est arrêté.",
    ),
    "severity": Text(en="Severity", fr="Gravité"),
    "critical": Text(en="Critical", fr="Critique"),
    "warning": Text(en="Warning", fr="Avertissement"),
    "info": Text(en="Information", fr="Information"),
    "alarm": Text(en="Alarm", fr="Alarme"),
    "since": Text(en="Since", fr="Depuis"),
    "until": Text(en="Until", fr="Jusqu’à"),
    "first_value": Text(en="First value", fr="Première valeur"),
    "last_value": Text(en="Last value", fr="Dernière valeur"),
    "acknowledged_by": Text(en="Acknowledged by", fr="Acquittée par"),
    "raised": Text(en="Alarms raised", fr="Alarmes déclenchées"),
    "rules": Text(en="Rules that raise most", fr="Règles les plus actives"),
    "rule": Text(en="Rule", fr="Règle"),
    "number": Text(en="Number", fr="Nombre"),
    "often": Text(en="Devices with most alarms", fr="Capteurs les plus en alarme"),
    "lasted": Text(en="Median duration", fr="Durée médiane"),
    "closed": Text(en="Latest alarms that are over", fr="Dernières alarmes terminées"),
    "frames": Text(en="Frames an hour", fr="Trames par heure"),
    "received": Text(en="received", fr="reçues"),
    "stored": Text(en="stored", fr="enregistrées"),
    "duplicate": Text(en="duplicates", fr="doublons"),
    "quarantined": Text(en="quarantined", fr="en quarantaine"),
    "frames_received": Text(en="Frames received", fr="Trames reçues"),
    "difference": Text(en="Frames without an outcome", fr="Trames sans issue"),
    "difference_hint": Text(
        en="Received less stored, duplicates and quarantined: always 0.",
        fr="Reçues moins enregistrées, doublons et quarantaine : toujours 0.",
    ),
    "quarantine": Text(en="In quarantine", fr="En quarantaine"),
    "reasons": Text(en="Quarantine by reason", fr="Quarantaine par motif"),
    "reason": Text(en="Reason", fr="Motif"),
    "source": Text(en="Source", fr="Source"),
    "network": Text(en="Network", fr="Réseau"),
    "times": Text(en="Times", fr="Occurrences"),
    "sources": Text(en="Frames an hour by source", fr="Trames par heure et par source"),
    "jobs": Text(en="Work in the background", fr="Tâches de fond"),
    "job": Text(en="Task", fr="Tâche"),
    "last_run": Text(en="Last run", fr="Dernière exécution"),
    "took": Text(en="Took", fr="Durée"),
    "waiting": Text(en="Waiting", fr="En attente"),
    "detail": Text(en="Detail", fr="Détail"),
    "newest_frame": Text(en="Newest frame", fr="Dernière trame"),
    "by_type": Text(en="By device type", fr="Par type de capteur"),
    "domain": Text(en="Domain", fr="Domaine"),
    "domains": Text(en="Domains", fr="Domaines"),
    "radio": Text(en="Radio reception", fr="Réception radio"),
    "rssi": Text(en="Signal strength", fr="Puissance du signal"),
    "snr": Text(en="Signal to noise", fr="Rapport signal/bruit"),
    "uplinks": Text(en="Frames", fr="Trames"),
    "mean": Text(en="mean", fr="moyenne"),
    "low": Text(en="lowest", fr="minimum"),
    "high": Text(en="highest", fr="maximum"),
    "increase": Text(en="increase", fr="consommation"),
    "all_boards": Text(en="Penfeld", fr="Penfeld"),
    "this_device": Text(en="This device", fr="Ce capteur"),
    "delay": Text(en="Delay between event and arrival", fr="Délai entre l’événement et l’arrivée"),
}


@dataclass(frozen=True, slots=True)
class Words:
    """Texts in one language."""

    language: Language

    def __getitem__(self, key: str) -> str:
        """Return a text of the table."""
        return _TEXTS[key].get(self.language)

    def domain(self, name: str) -> str:
        """Return what people call a domain."""
        return self[name if name in _TEXTS else "other"]

    def of(self, text: Text) -> str:
        """Return a text of a device file."""
        return text.get(self.language)
