"""Every text of the console in both languages, in one table; ``Words`` speaks one of them.

Keys are ``page.what``. Words in braces are filled in; what is filled in is text, never HTML.
"""

# ruff: noqa: E501  a table of texts is read one text a line

from api.console.access_texts import ACCESS_TEXTS
from api.console.alert_texts import ALERT_TEXTS
from model.device import Language, Text

TEXTS: dict[str, Text] = {
    # --- frame of every page
    "app.subtitle": Text(en="Brest, live", fr="Brest en direct"),
    "app.skip": Text(en="Skip to the content", fr="Aller au contenu"),
    "nav.label": Text(en="Main pages", fr="Pages principales"),
    "nav.map": Text(en="Map", fr="Carte"),
    "nav.devices": Text(en="Devices", fr="Appareils"),
    "nav.device_types": Text(en="Device types", fr="Types d’appareil"),
    "nav.ledger": Text(en="Ledger", fr="Registre"),
    "nav.quarantine": Text(en="Quarantine", fr="Quarantaine"),
    "nav.map.short": Text(en="Map", fr="Carte"),
    "nav.devices.short": Text(en="Devices", fr="Appareils"),
    "nav.device_types.short": Text(en="Types", fr="Types"),
    "nav.ledger.short": Text(en="Ledger", fr="Registre"),
    "nav.quarantine.short": Text(en="Quarantine", fr="Quarantaine"),
    "nav.open_data": Text(en="Data", fr="Données"),
    "nav.api": Text(en="API", fr="API"),
    "language.switch": Text(en="Afficher en français", fr="Show in English"),
    "language.short": Text(en="FR", fr="EN"),
    "theme.switch": Text(en="Colours: {theme}. Change", fr="Couleurs : {theme}. Changer"),
    "theme.auto": Text(en="as the system", fr="comme le système"),
    "theme.light": Text(en="light", fr="claires"),
    "theme.dark": Text(en="dark", fr="sombres"),
    "trouble.database": Text(
        en="The database does not answer; what you see is the last that was known. Nothing sent meanwhile is lost.",
        fr="La base de données ne répond pas ; vous voyez le dernier état connu. Rien de ce qui arrive n’est perdu.",
    ),
    "trouble.worker": Text(en="Ingest reports: {trouble}", fr="L’ingestion signale : {trouble}"),
    "loading": Text(en="Loading…", fr="Chargement…"),
    "simulated": Text(en="simulated", fr="simulé"),
    "simulated.hint": Text(
        en="This device does not exist: its data come from a simulator and are marked as such everywhere.",
        fr="Cet appareil n’existe pas : ses données viennent d’un simulateur et sont marquées comme telles partout.",
    ),
    "yes": Text(en="yes", fr="oui"),
    "no": Text(en="no", fr="non"),
    "unknown": Text(en="unknown", fr="inconnu"),
    "ago": Text(en="{age} ago", fr="il y a {age}"),
    "never": Text(en="never", fr="jamais"),
    "previous": Text(en="Previous", fr="Précédent"),
    "next": Text(en="Next", fr="Suivant"),
    "older": Text(en="Older", fr="Plus anciens"),
    "newest": Text(en="Newest", fr="Plus récents"),
    "not_found.title": Text(en="There is nothing here", fr="Il n’y a rien ici"),
    "not_found.device": Text(en="No device has the id “{id}”.", fr="Aucun appareil ne porte l’identifiant « {id} »."),
    "not_found.type": Text(en="No device type is named “{id}”.", fr="Aucun type d’appareil ne s’appelle « {id} »."),
    # --- states
    "health.ok": Text(en="OK", fr="Normal"),
    "health.alarm": Text(en="Alarm or doubtful", fr="Alarme ou douteux"),
    "health.silent": Text(en="Silent", fr="Muet"),
    "health.no_data": Text(en="No data yet", fr="Pas encore de données"),
    "health.ok.hint": Text(en="speaks as expected, values plausible", fr="s’exprime comme prévu, valeurs plausibles"),
    "health.alarm.hint": Text(
        en="reports trouble (lamp failure, leak…) or a value was flagged",
        fr="signale un défaut (lampe, fuite…) ou une valeur a été marquée",
    ),
    "health.silent.hint": Text(
        en="nothing for longer than three expected periods", fr="rien depuis plus de trois périodes attendues"
    ),
    "health.no_data.hint": Text(
        en="registered, but no frame understood so far", fr="déclaré, mais aucune trame comprise jusqu’ici"
    ),
    "state.active": Text(en="registered", fr="déclaré"),
    "state.pending": Text(en="pending", fr="en attente"),
    "state.retired": Text(en="retired", fr="retiré"),
    # --- domains
    "domain.lighting": Text(en="Lighting", fr="Éclairage"),
    "domain.energy": Text(en="Energy", fr="Énergie"),
    "domain.mobility": Text(en="Mobility", fr="Mobilité"),
    "domain.parking": Text(en="Parking", fr="Stationnement"),
    "domain.tracking": Text(en="Tracking", fr="Suivi"),
    "domain.environment": Text(en="Environment", fr="Environnement"),
    "domain.water": Text(en="Water", fr="Eau"),
    "domain.waste": Text(en="Waste", fr="Déchets"),
    "domain.other": Text(en="Other", fr="Autre"),
    # --- map
    "map.title": Text(en="Live map", fr="Carte en direct"),
    "map.label": Text(
        en="Map of the devices. The list under the search field gives the same by keyboard.",
        fr="Carte des appareils. La liste sous le champ de recherche donne la même chose au clavier.",
    ),
    "map.filters": Text(en="Filter", fr="Filtrer"),
    "map.state": Text(en="State", fr="État"),
    "map.type": Text(en="Type", fr="Type"),
    "map.district": Text(en="District", fr="Quartier"),
    "map.district.all": Text(en="All districts", fr="Tous les quartiers"),
    "map.search": Text(en="Search id, name, tag", fr="Chercher identifiant, nom, étiquette"),
    "map.shown": Text(en="{shown} of {all} devices", fr="{shown} appareils sur {all}"),
    "map.results": Text(en="First matches", fr="Premiers résultats"),
    "map.unplaced": Text(en="{count} without a position", fr="{count} sans position"),
    "map.reset": Text(en="Show all", fr="Tout afficher"),
    "map.sketch": Text(en="Base map: a sketch, positions approximate", fr="Fond : croquis, positions approximatives"),
    "map.zoom_in": Text(en="Zoom in", fr="Zoomer"),
    "map.zoom_out": Text(en="Zoom out", fr="Dézoomer"),
    "map.empty": Text(
        en="No device is registered yet. Register some with “penfeld devices”, or start “penfeld demo”.",
        fr="Aucun appareil n’est encore déclaré. Déclarez-en avec « penfeld devices », ou lancez « penfeld demo ».",
    ),
    # --- key figures
    "figures.title": Text(en="Key figures", fr="Chiffres clés"),
    "figures.frames": Text(en="Frames per second", fr="Trames par seconde"),
    "figures.latency": Text(en="From air to database, p99", fr="De l’antenne à la base, p99"),
    "figures.lamps": Text(en="Lamps on", fr="Lampes allumées"),
    "figures.lamps.detail": Text(en="of {all}, {failing} failing", fr="sur {all}, dont {failing} en panne"),
    "figures.grid": Text(en="Power from the grid", fr="Puissance du réseau"),
    "figures.grid.detail": Text(en="sum of all meters", fr="somme des compteurs"),
    "figures.solar": Text(en="Solar production", fr="Production solaire"),
    "figures.solar.detail": Text(en="{percent} % of consumption", fr="{percent} % de la consommation"),
    "figures.trams": Text(en="Vehicles running", fr="Véhicules en circulation"),
    "figures.trams.detail": Text(en="of {all}", fr="sur {all}"),
    "figures.ledger": Text(en="Ledger, last 24 hours", fr="Registre, dernières 24 heures"),
    "figures.balance": Text(
        en="{received} received = {stored} stored + {duplicate} duplicate + {quarantined} quarantined",
        fr="{received} reçues = {stored} stockées + {duplicate} en double + {quarantined} en quarantaine",
    ),
    "figures.balanced": Text(en="Every frame is accounted for.", fr="Chaque trame est comptée."),
    "figures.unbalanced": Text(
        en="{missing} frames are not accounted for: look at the ledger.",
        fr="{missing} trames ne sont pas comptées : voyez le registre.",
    ),
    "figures.workers": Text(en="{count} ingest worker(s)", fr="{count} processus d’ingestion"),
    "figures.no_worker": Text(en="no ingest worker heard", fr="aucun processus d’ingestion entendu"),
    # --- devices
    "devices.title": Text(en="Devices", fr="Appareils"),
    "devices.count": Text(en="{count} devices", fr="{count} appareils"),
    "devices.device": Text(en="Device", fr="Appareil"),
    "devices.type": Text(en="Type", fr="Type"),
    "devices.district": Text(en="District", fr="Quartier"),
    "devices.health": Text(en="State", fr="État"),
    "devices.last": Text(en="Last reading", fr="Dernière mesure"),
    "devices.network": Text(en="Network", fr="Réseau"),
    "devices.none": Text(en="No device matches.", fr="Aucun appareil ne correspond."),
    "devices.type.all": Text(en="All types", fr="Tous les types"),
    "devices.health.all": Text(en="All states", fr="Tous les états"),
    "devices.pending": Text(en="pending only", fr="en attente seulement"),
    # --- device
    "device.waiting": Text(
        en="{count} frames of it are in quarantine by now.", fr="{count} de ses trames sont déjà en quarantaine."
    ),
    "device.facts": Text(en="Facts", fr="Fiche"),
    "device.id": Text(en="Id", fr="Identifiant"),
    "device.type": Text(en="Type", fr="Type"),
    "device.network": Text(en="Network", fr="Réseau"),
    "device.position": Text(en="Position", fr="Position"),
    "device.district": Text(en="District", fr="Quartier"),
    "device.state": Text(en="Register", fr="Inscription"),
    "device.experiment": Text(en="Experiment", fr="Expérience"),
    "device.tags": Text(en="Tags", fr="Étiquettes"),
    "device.period": Text(en="Expected every", fr="Attendu toutes les"),
    "device.first_seen": Text(en="First heard", fr="Première trame"),
    "device.last_reading": Text(en="Last reading", fr="Dernière mesure"),
    "device.latest": Text(en="Latest values", fr="Dernières valeurs"),
    "device.latest.none": Text(
        en="No value yet. If frames arrive and are not understood, they are in quarantine.",
        fr="Pas encore de valeur. Si des trames arrivent sans être comprises, elles sont en quarantaine.",
    ),
    "device.quarantine": Text(en="Its frames in quarantine", fr="Ses trames en quarantaine"),
    "device.flags": Text(en="Doubts about the last reading", fr="Doutes sur la dernière mesure"),
    "device.flags.none": Text(en="No doubt about the last reading.", fr="Aucun doute sur la dernière mesure."),
    "device.charts": Text(en="History", fr="Évolution"),
    "device.fields": Text(en="Fields to draw", fr="Champs à tracer"),
    "device.range.1h": Text(en="1 h", fr="1 h"),
    "device.range.24h": Text(en="24 h", fr="24 h"),
    "device.range.7d": Text(en="7 d", fr="7 j"),
    "device.range": Text(en="Time span", fr="Durée"),
    "device.thinned": Text(
        en="Thinned out: about {shown} readings of many more are drawn.",
        fr="Éclairci : environ {shown} mesures tracées, parmi bien davantage.",
    ),
    "device.drawn": Text(
        en="Readings: {count}; gaps in a line are gaps in the data.",
        fr="Mesures : {count} ; une ligne interrompue est une absence de données.",
    ),
    "device.chart.none": Text(en="No reading in this time span.", fr="Aucune mesure sur cette durée."),
    "device.chart.label": Text(en="Chart of {field}", fr="Courbe : {field}"),
    "device.frames": Text(en="Recent readings", fr="Mesures récentes"),
    "device.frames.time": Text(en="Time", fr="Heure"),
    "device.frames.delay": Text(en="Delay", fr="Délai"),
    "device.frames.values": Text(en="Values", fr="Valeurs"),
    "device.frames.flags": Text(en="Flags", fr="Marques"),
    "device.told": Text(en="Network", fr="Réseau"),
    "device.told.fact": Text(en="What it told", fr="Information"),
    "device.told.value": Text(en="Value", fr="Valeur"),
    "device.told.age": Text(en="Age", fr="Âge"),
    "device.pending": Text(
        en="Heard, but not registered: its frames wait in quarantine.",
        fr="Entendu, mais non déclaré : ses trames attendent en quarantaine.",
    ),
    "device.unknown_type": Text(
        en="Its type is not in the catalogue; values have no titles or units.",
        fr="Son type n’est pas au catalogue ; les valeurs n’ont ni titre ni unité.",
    ),
    "flag.range": Text(
        en="{field}: outside the plausible range {range}", fr="{field} : hors de la plage plausible {range}"
    ),
    "flag.range.plain": Text(en="{field}: outside the plausible range", fr="{field} : hors de la plage plausible"),
    "flag.time.implausible": Text(
        en="The device’s own time was not believable; the time of arrival is used.",
        fr="L’heure donnée par l’appareil n’était pas crédible ; l’heure d’arrivée est utilisée.",
    ),
    "flag.alarm": Text(en="{field}: the device reports it", fr="{field} : signalé par l’appareil"),
    "flag.other": Text(en="{field}: {flag}", fr="{field} : {flag}"),
    # --- device types
    "types.title": Text(en="Device types", fr="Types d’appareil"),
    "types.intro": Text(
        en="One file says what each sensor model sends. Pick one to see its fields and try a frame on it.",
        fr="Un fichier décrit ce qu’envoie chaque modèle de capteur. Choisissez-en un pour voir ses champs et y essayer une trame.",
    ),
    "types.type": Text(en="Type", fr="Type"),
    "types.domain": Text(en="Domain", fr="Domaine"),
    "types.networks": Text(en="Networks", fr="Réseaux"),
    "types.period": Text(en="Expected every", fr="Attendu toutes les"),
    "types.fields": Text(en="Fields", fr="Champs"),
    "types.devices": Text(en="Devices", fr="Appareils"),
    "types.reference": Text(en="reference", fr="référence"),
    "types.reference.hint": Text(
        en="Made up for this project as an example; no such product is sold.",
        fr="Imaginé pour ce projet comme exemple ; ce produit n’est pas en vente.",
    ),
    "types.search": Text(en="Search name, vendor, domain", fr="Chercher nom, fabricant, domaine"),
    "types.none": Text(en="No device type matches.", fr="Aucun type ne correspond."),
    "type.vendor": Text(en="Vendor and model", fr="Fabricant et modèle"),
    "type.source": Text(en="Described after", fr="Décrit d’après"),
    "type.version": Text(en="Version", fr="Version"),
    "type.fields": Text(en="Fields", fr="Champs"),
    "type.field": Text(en="Field", fr="Champ"),
    "type.name": Text(en="Name in the data", fr="Nom dans les données"),
    "type.quantity": Text(en="Quantity", fr="Grandeur"),
    "type.unit": Text(en="Unit", fr="Unité"),
    "type.range": Text(en="Plausible range", fr="Plage plausible"),
    "type.kind": Text(en="Kind", fr="Genre"),
    "type.path": Text(en="Path", fr="Chemin"),
    "kind.float": Text(en="number", fr="nombre"),
    "kind.int": Text(en="whole number", fr="nombre entier"),
    "kind.bool": Text(en="yes or no", fr="oui ou non"),
    "kind.text": Text(en="text", fr="texte"),
    "type.script": Text(en="Script", fr="Script"),
    "type.format": Text(en="Format", fr="Format"),
    "type.times": Text(en="Own time from", fr="Heure propre lue dans"),
    "type.variables": Text(en="Given to the script", fr="Donné au script"),
    "type.fields.none": Text(en="none yet", fr="aucun pour l’instant"),
    "type.suspended": Text(en="The script {script} is suspended", fr="Le script {script} est suspendu"),
    "type.suspended.hint": Text(
        en="It overstepped its limits again and again, so ingest asks it no more; nothing is lost, its frames wait in"
        " quarantine. Mend {script}: a changed file counts within seconds. Then take the frames up again.",
        fr="Il a dépassé ses limites plusieurs fois, l’ingestion ne l’interroge plus ; rien n’est perdu, ses trames attendent"
        " en quarantaine. Corrigez {script} : un fichier modifié est repris en quelques secondes. Puis reprenez les trames.",
    ),
    "type.suspended.quarantine": Text(en="To quarantine", fr="Vers la quarantaine"),
    # --- what no field takes
    "unmapped.title": Text(en="What nobody has mapped", fr="Ce que personne n’a encore relié"),
    "unmapped.hint": Text(
        en="The codec says this too, and no field takes it. It is kept with each raw frame.",
        fr="Le codec dit aussi ceci, et aucun champ ne le reçoit. C’est gardé avec chaque trame brute.",
    ),
    "unmapped.devices": Text(en="devices: {count}", fr="appareils : {count}"),
    "unmapped.unclear": Text(
        en="Its name does not tell what it measures, or in which unit.",
        fr="Son nom ne dit pas ce qu’il mesure, ou en quelle unité.",
    ),
    "unmapped.unsure": Text(
        en="guessed from its values: check the unit", fr="deviné d’après ses valeurs : vérifiez l’unité"
    ),
    "unmapped.said_in": Text(en="said in {unit}", fr="dit en {unit}"),
    "unmapped.unit": Text(en="Said in", fr="Dit en"),
    "unmapped.map": Text(en="Map", fr="Relier"),
    "unmapped.change": Text(en="Change…", fr="Modifier…"),
    "unmapped.choose": Text(en="Choose…", fr="Choisir…"),
    "unmapped.no_quantity": Text(en="Choose what it measures.", fr="Choisissez ce qu’il mesure."),
    "unmapped.refused": Text(en="Nothing was written", fr="Rien n’a été écrit"),
    "unmapped.done": Text(
        en="Mapped to {name}: new frames have it within seconds; for older ones, run penfeld redecode.",
        fr="Relié à {name} : les nouvelles trames l’auront dans quelques secondes ; pour les anciennes, lancez penfeld redecode.",
    ),
    "type.frames": Text(en="Frames", fr="Trames"),
    "type.frame": Text(en="Frame", fr="Trame"),
    "type.port": Text(en="Port", fr="Port"),
    "type.port.any": Text(en="any", fr="tous"),
    "type.log": Text(en="several readings, {step}", fr="plusieurs mesures, {step}"),
    "type.log.every": Text(en="every {age}", fr="toutes les {age}"),
    "type.log.told": Text(en="their distance told in the frame", fr="intervalle donné dans la trame"),
    "type.log.own": Text(en="each with its own time", fr="chacune horodatée"),
    "type.examples": Text(en="Examples", fr="Exemples"),
    "type.try": Text(en="Try a frame", fr="Essayer une trame"),
    "type.try.hint": Text(
        en="Paste the payload as hex (spaces allowed). Nothing is stored.",
        fr="Collez la charge utile en hexadécimal (espaces permises). Rien n’est enregistré.",
    ),
    "type.native": Text(en="How it speaks", fr="Comment il parle"),
    "type.native.hint": Text(
        en="Publish to this topic over MQTT, QoS 1, with the device’s own name for DEVICE. Values go by name, those that"
        " there are; “time” may stand beside “values”, else the time of arrival counts.",
        fr="Publiez sur ce sujet par MQTT, QoS 1, DEVICE étant le nom de l’appareil. Les valeurs, celles qu’il y a, vont par"
        " leur nom ; « time » peut accompagner « values », sinon l’heure d’arrivée compte.",
    ),
    "type.native.raw": Text(
        en="The frames of this page can go there as they are, as raw bytes.",
        fr="Les trames de cette page peuvent y aller telles quelles, en octets bruts.",
    ),
    "type.hex": Text(en="Payload, hex", fr="Charge utile, hexadécimal"),
    "type.decode": Text(en="Decode", fr="Décoder"),
    "type.use": Text(en="Try", fr="Essayer"),
    "type.decoded": Text(
        en="{bytes} bytes understood as frame “{frame}”: {records} reading(s)",
        fr="{bytes} octets compris comme trame « {frame} » : {records} mesure(s)",
    ),
    "type.warning": Text(en="Warning: {warning}", fr="Avertissement : {warning}"),
    "type.decoded.codec": Text(
        en="{bytes} bytes understood: {records} reading(s)", fr="{bytes} octets compris : {records} mesure(s)"
    ),
    "type.rest": Text(en="What no field takes", fr="Ce qu’aucun champ ne reçoit"),
    "type.log.script": Text(en="Written by the script", fr="Écrit par le script"),
    "type.failed": Text(en="Not understood", fr="Non compris"),
    "type.failed.at": Text(en="Not understood at byte {offset}", fr="Non compris à l’octet {offset}"),
    "type.bad_hex": Text(
        en="“{found}” at position {position} is no hex digit.",
        fr="« {found} » en position {position} n’est pas un chiffre hexadécimal.",
    ),
    "type.odd_hex": Text(
        en="An odd number of hex digits: one is missing or too many.",
        fr="Nombre impair de chiffres : il en manque un ou il y en a un de trop.",
    ),
    "type.empty_hex": Text(en="Paste some bytes first.", fr="Collez d’abord des octets."),
    "type.record": Text(
        en="Reading {number}, {age} before the newest", fr="Mesure {number}, {age} avant la plus récente"
    ),
    "type.value": Text(en="Value", fr="Valeur"),
    "type.example.error": Text(en="must be refused: {error}", fr="doit être refusé : {error}"),
    # --- ledger
    "ledger.title": Text(en="Ledger", fr="Registre"),
    "ledger.intro": Text(
        en="Every frame received ends in exactly one place. The sums are kept in the transaction that stores the frames.",
        fr="Chaque trame reçue finit à un seul endroit. Les comptes sont tenus dans la transaction qui stocke les trames.",
    ),
    "ledger.unbalanced": Text(
        en="{missing} frames are not accounted for; the rows in red say where.",
        fr="{missing} trames ne sont pas comptées ; les lignes en rouge disent où.",
    ),
    "ledger.all": Text(en="all sources", fr="toutes les sources"),
    "ledger.hour": Text(en="Hour (by arrival)", fr="Heure (d’arrivée)"),
    "ledger.source": Text(en="Source", fr="Source"),
    "ledger.received": Text(en="Received", fr="Reçues"),
    "ledger.stored": Text(en="Stored", fr="Stockées"),
    "ledger.duplicate": Text(en="Duplicate", fr="En double"),
    "ledger.quarantined": Text(en="Quarantined", fr="Quarantaine"),
    "ledger.balance": Text(en="Balance", fr="Bilan"),
    "ledger.balanced": Text(en="balanced", fr="équilibré"),
    "ledger.missing": Text(en="{missing} missing", fr="{missing} manquantes"),
    "ledger.surplus": Text(en="{missing} too many", fr="{missing} en trop"),
    "ledger.span": Text(en="Time span", fr="Durée"),
    "ledger.total": Text(en="Total", fr="Total"),
    "ledger.replayed": Text(en="{count} taken out again", fr="{count} reprises"),
    "ledger.workers": Text(en="Ingest workers", fr="Processus d’ingestion"),
    "ledger.workers.none": Text(
        en="No ingest worker tells of itself: frames wait in the broker.",
        fr="Aucun processus d’ingestion ne se manifeste : les trames attendent dans le courtier.",
    ),
    "ledger.worker": Text(en="Worker", fr="Processus"),
    "ledger.oldest": Text(en="Oldest unacknowledged frame", fr="Plus ancienne trame non acquittée"),
    "ledger.oldest.none": Text(en="none", fr="aucune"),
    "ledger.unacknowledged": Text(en="Waiting for their commit", fr="En attente d’enregistrement"),
    "ledger.since_start": Text(en="Received since its start", fr="Reçues depuis son départ"),
    "ledger.worker.state": Text(en="State", fr="État"),
    "ledger.worker.well": Text(en="well", fr="en ordre"),
    "ledger.worker.gone": Text(
        en="silent for {age}: start it again, if it should run", fr="muet depuis {age} : relancez-le s’il doit tourner"
    ),
    "ledger.worker.forgotten": Text(
        en="{count} frames that it stored are not in the ledger: was the database restored?",
        fr="{count} trames qu’il a stockées manquent au registre : la base a-t-elle été restaurée ?",
    ),
    "ledger.none": Text(en="Nothing has arrived in this time.", fr="Rien n’est arrivé sur cette durée."),
    # --- quarantine
    "quarantine.title": Text(en="Quarantine", fr="Quarantaine"),
    "quarantine.intro": Text(
        en="Frames that could not be understood, with their original bytes. Nothing is thrown away.",
        fr="Trames qui n’ont pas pu être comprises, avec leurs octets d’origine. Rien n’est jeté.",
    ),
    "quarantine.none": Text(en="Quarantine is empty.", fr="La quarantaine est vide."),
    "quarantine.reason": Text(en="Reason", fr="Raison"),
    "quarantine.reason.all": Text(en="All reasons", fr="Toutes les raisons"),
    "quarantine.source.all": Text(en="All sources", fr="Toutes les sources"),
    "quarantine.from": Text(en="Arrived from", fr="Arrivées du"),
    "quarantine.to": Text(en="Arrived before", fr="Arrivées avant"),
    "quarantine.sums": Text(
        en="{messages} messages match ({frames} frames).", fr="{messages} messages correspondent ({frames} trames)."
    ),
    "quarantine.waiting": Text(
        en="{count} frames wait for replay: ingest takes them up within seconds.",
        fr="{count} trames attendent une reprise : l’ingestion s’en charge en quelques secondes.",
    ),
    "quarantine.no_match": Text(en="Nothing in quarantine matches.", fr="Rien en quarantaine ne correspond."),
    "quarantine.replay.all": Text(en="Replay all that match…", fr="Tout reprendre selon ces filtres…"),
    "quarantine.replay.one": Text(en="Replay…", fr="Reprendre…"),
    "quarantine.replay.title": Text(en="Take these frames up again?", fr="Reprendre ces trames ?"),
    "quarantine.replay.text": Text(
        en="{messages} messages ({frames} frames) are looked at again by ingest. What is understood now is stored with its first arrival and leaves quarantine; the rest stays, under its reason of today. Nothing can be lost by it.",
        fr="{messages} messages ({frames} trames) seront relus par l’ingestion. Ce qui est compris désormais est stocké à la date de sa première arrivée et quitte la quarantaine ; le reste y demeure, avec sa raison du jour. Rien ne peut se perdre.",
    ),
    "quarantine.replay.yes": Text(en="Replay", fr="Reprendre"),
    "quarantine.replay.no": Text(en="Cancel", fr="Annuler"),
    "quarantine.replay.done": Text(
        en="{messages} messages are marked; ingest takes them up within seconds.",
        fr="{messages} messages sont marqués ; l’ingestion s’en charge en quelques secondes.",
    ),
    "quarantine.marked": Text(en="waits for replay", fr="en attente de reprise"),
    "quarantine.inspect": Text(
        en="Inspect: what it would be today, original bytes ({count})",
        fr="Inspecter : ce qu’elle donnerait aujourd’hui, octets d’origine ({count})",
    ),
    "quarantine.today": Text(en="If it came today", fr="Si elle arrivait aujourd’hui"),
    "quarantine.today.stored": Text(en="Stored: {time}: {values}", fr="Stockée : {time} : {values}"),
    "quarantine.today.empty": Text(
        en="Stored: a frame of {device} without readings", fr="Stockée : trame de {device} sans mesure"
    ),
    "quarantine.today.stays": Text(en="Stays: {reason}: {detail}", fr="Reste : {reason} : {detail}"),
    "quarantine.today.more": Text(en="… and {count} more readings", fr="… et {count} mesures de plus"),
    "quarantine.message": Text(en="Message as text", fr="Message en texte"),
    "quarantine.dump": Text(en="Bytes", fr="Octets"),
    "quarantine.device": Text(en="Device id", fr="Identifiant d’appareil"),
    "quarantine.source": Text(en="Source", fr="Source"),
    "quarantine.topic": Text(en="Topic", fr="Sujet"),
    "quarantine.first": Text(en="First", fr="Première"),
    "quarantine.last": Text(en="Last", fr="Dernière"),
    "quarantine.more": Text(en="… and {count} more bytes", fr="… et {count} octets de plus"),
    "quarantine.hint": Text(en="What to do", fr="Que faire"),
    "quarantine.paused": Text(en="Page of older frames: not refreshed.", fr="Page plus ancienne : non rafraîchie."),
    "reason.unknown_topic": Text(en="Unknown topic", fr="Sujet inconnu"),
    "reason.bad_envelope": Text(en="Bad envelope", fr="Enveloppe incorrecte"),
    "reason.unknown_device": Text(en="Unknown device", fr="Appareil inconnu"),
    "reason.pending_device": Text(en="Pending device", fr="Appareil en attente"),
    "reason.retired_device": Text(en="Retired device", fr="Appareil retiré"),
    "reason.unknown_type": Text(en="Unknown device type", fr="Type inconnu"),
    "reason.bad_payload": Text(en="Payload not understood", fr="Charge utile incomprise"),
    "reason.codec_suspended": Text(en="Script suspended", fr="Script suspendu"),
    "reason.rejected_by_database": Text(en="Refused by the database", fr="Refusé par la base"),
    **ALERT_TEXTS,
    **ACCESS_TEXTS,
}


class Words:
    """The console's texts in one language."""

    def __init__(self, language: Language) -> None:
        self.language: Language = language

    def __call__(self, key: str, **fill: object) -> str:
        """Return the text of that key with its braces filled."""
        text = TEXTS[key].get(self.language)
        return text.format(**fill) if fill else text

    def pick(self, text: Text) -> str:
        """Return a text of a device file in this language."""
        return text.get(self.language)
