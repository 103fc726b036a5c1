"""What the pages of the catalogue say, in both languages, and how dates and figures are written in each. Pure."""

from collections.abc import Mapping
from datetime import date, datetime, timedelta

from model.device import Language, Text

WORDS: Mapping[str, Text] = {
    "catalogue": Text(en="Open data", fr="Données ouvertes"),
    "skip": Text(en="Go to the content", fr="Aller au contenu"),
    "other_language": Text(en="Français", fr="English"),
    "console": Text(en="Live map", fr="Carte en direct"),
    "datasets": Text(en="Datasets", fr="Jeux de données"),
    "none": Text(en="No dataset is published yet.", fr="Aucun jeu de données n’est encore publié."),
    "machines": Text(en="The catalogue for machines (DCAT-AP)", fr="Le catalogue pour les machines (DCAT-AP)"),
    "metadata": Text(en="Description for machines (DCAT-AP)", fr="Description pour les machines (DCAT-AP)"),
    "resolution": Text(en="Resolution", fr="Résolution"),
    "days": Text(en="Days", fr="Jours"),
    "no_days": Text(en="nothing published yet", fr="rien de publié pour l’instant"),
    "updated": Text(en="Updated", fr="Mise à jour"),
    "frequency": Text(en="Update frequency", fr="Fréquence de mise à jour"),
    "theme": Text(en="Theme", fr="Thème"),
    "keywords": Text(en="Keywords", fr="Mots-clés"),
    "licence": Text(en="Licence", fr="Licence"),
    "publisher": Text(en="Publisher", fr="Producteur"),
    "contact": Text(en="Contact", fr="Contact"),
    "delay": Text(en="Published", fr="Publication"),
    "delay_after": Text(en="{delay} after the day", fr="{delay} après la journée"),
    "aggregate": Text(en="Aggregation", fr="Agrégation"),
    "by_district": Text(en="devices of a district together", fr="appareils d’un quartier ensemble"),
    "by_all": Text(en="all devices together", fr="tous les appareils ensemble"),
    "at_least": Text(en="{what}, {number} at least", fr="{what}, {number} au minimum"),
    "not_personal": Text(en="Why this is no personal data", fr="Pourquoi ce ne sont pas des données personnelles"),
    "simulated": Text(
        en="Simulated data: nothing of it was measured.", fr="Données simulées : rien de ceci n’a été mesuré."
    ),
    "map": Text(en="Where the devices are", fr="Où sont les appareils"),
    "map_caption": Text(en="{number} devices with a place", fr="{number} appareils localisés"),
    "chart": Text(en="{title}, last days published", fr="{title}, derniers jours publiés"),
    "chart_caption": Text(en="Mean over all devices, by the hour", fr="Moyenne de tous les appareils, par heure"),
    "download": Text(en="Download", fr="Télécharger"),
    "newest_day": Text(en="Newest day: {day}", fr="Dernier jour : {day}"),
    "day": Text(en="Day", fr="Jour"),
    "rows": Text(en="Rows", fr="Lignes"),
    "devices": Text(en="Devices", fr="Appareils"),
    "flagged": Text(en="Flagged readings", fr="Mesures signalées"),
    "files": Text(en="Files", fr="Fichiers"),
    "all_days": Text(en="All days", fr="Tous les jours"),
    "older": Text(en="Older days", fr="Jours plus anciens"),
    "version": Text(en="version {number} of {when}", fr="version {number} du {when}"),
    "earlier": Text(en="earlier: {files}", fr="précédemment : {files}"),
    "checksums": Text(en="checksums", fr="sommes de contrôle"),
    "fields": Text(en="Table of fields", fr="Table des champs"),
    "field": Text(en="Column", fr="Colonne"),
    "type": Text(en="Type", fr="Type"),
    "unit": Text(en="Unit", fr="Unité"),
    "meaning": Text(en="Meaning", fr="Signification"),
    "device_list": Text(en="List of devices", fr="Liste des appareils"),
    "how": Text(en="Read it in a notebook", fr="Lire dans un notebook"),
    "quality": Text(
        en="Values are never removed: what looks wrong is flagged. A day that changed after its publication gets a new"
        " version; the earlier file stays as it was.",
        fr="Aucune valeur n’est retirée : ce qui paraît faux est signalé. Une journée modifiée après sa publication"
        " reçoit une nouvelle version ; le fichier précédent reste inchangé.",
    ),
    "raw": Text(en="each reading", fr="chaque mesure"),
    "15min": Text(en="15 minutes", fr="15 minutes"),
    "1h": Text(en="1 hour", fr="1 heure"),
    "1d": Text(en="1 day", fr="1 jour"),
    "string": Text(en="text", fr="texte"),
    "timestamp": Text(en="time", fr="instant"),
    "number": Text(en="number", fr="nombre"),
    "integer": Text(en="whole number", fr="entier"),
    "boolean": Text(en="true or false", fr="vrai ou faux"),
}
_MONTHS: Mapping[Language, tuple[str, ...]] = {
    "en": ("January", "February", "March", "April", "May", "June", "July", "August", "September", "October",
           "November", "December"),
    "fr": ("janvier", "février", "mars", "avril", "mai", "juin", "juillet", "août", "septembre", "octobre",
           "novembre", "décembre"),
}  # fmt: skip
_KILO = 1000


def said(word: str, language: Language, **values: object) -> str:
    """Return a text with its values put in."""
    return WORDS[word].get(language).format(**values)


def day_of(day: date, language: Language) -> str:
    """Return a day as people write it."""
    number = "1er" if language == "fr" and day.day == 1 else str(day.day)
    return f"{number} {_MONTHS[language][day.month - 1]} {day.year}"


def moment_of(when: datetime, language: Language) -> str:
    """Return a local moment as people write it."""
    return f"{day_of(when.date(), language)}, {when:%H:%M}"


def count_of(number: int, language: Language) -> str:
    """Return a number with its thousands apart."""
    return f"{number:,}".replace(",", "\u202f" if language == "fr" else ",")


def size_of(size: int, language: Language) -> str:
    """Return the size of a file."""
    amount, units = float(size), ["o", "ko", "Mo", "Go"] if language == "fr" else ["B", "kB", "MB", "GB"]
    while amount >= _KILO and len(units) > 1:
        amount, units = amount / _KILO, units[1:]
    text = f"{amount:.0f}" if amount >= 10 or amount == int(amount) else f"{amount:.1f}"  # noqa: PLR2004 -- two digits
    return f"{text.replace('.', ',') if language == 'fr' else text}\u00a0{units[0]}"


def delay_of(delay: timedelta, language: Language) -> str:
    """Return a length of time in days or hours."""
    days, rest = divmod(delay, timedelta(days=1))
    if days and not rest:
        unit = ("jour" if language == "fr" else "day") + ("s" if days > 1 else "")
        return f"{days}\u00a0{unit}"
    return f"{delay // timedelta(hours=1)}\u00a0h"
