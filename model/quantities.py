"""The closed list of quantities: what a field can measure, in which unit, and how its name ends.

Rules:

1. One quantity has one unit (UCUM), so that two device types that measure the same can be compared and drawn together.
   What a device sends in another unit is converted by its layout.
2. A field's name ends in what its unit is called (``temperature_c``). Quantities without a unit forbid such endings.
3. ``minimum`` and ``maximum`` are physical limits: no plausible range of a device type goes beyond them.
4. Meters count some quantities up for ever (``COUNTED``): a field of one is a counter unless its device file says
   otherwise.
"""

from dataclasses import dataclass

from model.device import Text


@dataclass(frozen=True, slots=True)
class Quantity:
    """Something that can be measured. ``endings``: a field's name ends in one of them; none: in no unit's ending."""

    name: str
    unit: str
    endings: tuple[str, ...]
    title: Text
    minimum: float | None = None
    maximum: float | None = None


def quantity(name: str) -> Quantity:
    """Return the quantity of that name; raise ``KeyError``."""
    return QUANTITIES[name]


def ending_problem(field: str, of: Quantity) -> str | None:
    """Return what is wrong with a field's name for its quantity, ``None`` if nothing is."""
    if of.endings:
        if field.endswith(of.endings) or field in {ending[1:] for ending in of.endings}:
            return None
        return f"'{field}' must end in {' or '.join(of.endings)}, as {of.name} is in {of.unit or 'numbers'}"
    wrong = next((ending for ending in _UNIT_ENDINGS if field.endswith(ending)), None)
    return None if wrong is None else f"'{field}' must not end in {wrong}: {of.name} has no unit"


def _list(rows: str) -> dict[str, Quantity]:
    quantities: dict[str, Quantity] = {}
    for row in rows.strip().splitlines():
        name, unit, endings, low, high, en, fr = (cell.strip() for cell in row.split("|"))
        quantities[name] = Quantity(
            name,
            unit,
            tuple(endings.split()),
            Text(en=en, fr=fr),
            float(low) if low else None,
            float(high) if high else None,
        )
    return quantities


# The columns: name, unit (UCUM), endings, minimum, maximum, English, French.
QUANTITIES = _list("""
acceleration            | m/s2       | _ms2               |         |         | Acceleration                  | Accélération
air_pressure            | hPa        | _hpa               | 0       |         | Air pressure                  | Pression atmosphérique
altitude                | m          | _m                 |         |         | Altitude                      | Altitude
angle                   | deg        | _deg               | -360    | 360     | Angle                         | Angle
apparent_energy         | kV.A.h     | _kvah              |         |         | Apparent energy               | Énergie apparente
apparent_power          | V.A        | _va                |         |         | Apparent power                | Puissance apparente
battery_level           | %          | _percent           | 0       | 100     | Battery level                 | Niveau de batterie
charge                  | A.h        | _ah                |         |         | Electric charge               | Charge électrique
co2                     | [ppm]      | _ppm               | 0       | 1000000 | Carbon dioxide                | Dioxyde de carbone
concentration           | [ppm]      | _ppm               | 0       | 1000000 | Concentration                 | Concentration
conductivity            | uS/cm      | _uscm              | 0       |         | Conductivity                  | Conductivité
count                   |            | _count _index      |         |         | Count                         | Nombre
current                 | A          | _a                 |         |         | Electric current              | Intensité
current_4_20            | mA         | _ma                |         |         | Loop current                  | Courant de boucle
diameter_change         | um         | _um                |         |         | Change of diameter            | Variation de diamètre
dimming                 | %          | _percent           | 0       | 100     | Dimming level                 | Niveau de gradation
direction               | deg        | _deg               | 0       | 360     | Direction from north          | Direction depuis le nord
dissolved_oxygen        | mg/L       | _mgl               | 0       |         | Dissolved oxygen              | Oxygène dissous
distance                | m          | _m                 |         |         | Distance                      | Distance
duration                | s          | _s                 | 0       |         | Duration                      | Durée
electric_conductivity   | dS/m       | _dsm               | 0       |         | Electrical conductivity       | Conductivité électrique
energy                  | kW.h       | _kwh               |         |         | Energy                        | Énergie
factor                  | 1          | _factor _ratio     |         |         | Ratio                         | Rapport
fill_level              | %          | _percent           | 0       | 100     | Fill level                    | Taux de remplissage
frequency               | Hz         | _hz                | 0       |         | Frequency                     | Fréquence
heading                 | deg        | _deg               | 0       | 360     | Heading                       | Cap
humidity                | %          | _percent           | 0       | 100     | Relative humidity             | Humidité relative
identifier              |            |                    |         |         | Identifier                    | Identifiant
illuminance             | lx         | _lx                | 0       |         | Illuminance                   | Éclairement
irradiance              | W/m2       | _wm2               |         |         | Irradiance                    | Irradiance
latitude                | deg        | _deg               | -90     | 90      | Latitude                      | Latitude
longitude               | deg        | _deg               | -180    | 180     | Longitude                     | Longitude
magnetic_field          | uT         | _ut                |         |         | Magnetic flux density         | Champ magnétique
mass                    | kg         | _kg                |         |         | Mass                          | Masse
mass_concentration      | ug/m3      | _ugm3              | 0       |         | Mass concentration            | Concentration massique
moisture                | %          | _percent           | 0       | 100     | Moisture                      | Humidité du sol
number_concentration    | /cm3       | _cm3               | 0       |         | Number concentration          | Concentration en nombre
occupancy               |            | _count             | 0       |         | People present                | Personnes présentes
operating_time          | h          | _h                 | 0       |         | Operating time                | Durée de fonctionnement
particle_size           | um         | _um                | 0       |         | Particle size                 | Taille des particules
percentage              | %          | _percent           |         |         | Percentage                    | Pourcentage
permittivity            | 1          | _permittivity      | 0       |         | Relative permittivity         | Permittivité relative
ph                      | [pH]       | _ph                | -2      | 16      | pH                            | pH
phase_angle             | deg        | _deg               | -360    | 360     | Phase angle                   | Déphasage
photon_flux             | umol/m2/s  | _umolm2s           | 0       |         | Photosynthetic photon flux    | Flux de photons
power                   | W          | _w                 |         |         | Active power                  | Puissance active
power_factor            | 1          | _factor            | -1      | 1       | Power factor                  | Facteur de puissance
power_kw                | kW         | _kw                |         |         | Power                         | Puissance
precipitation           | mm         | _mm                | 0       |         | Precipitation                 | Précipitations
pressure                | bar        | _bar               |         |         | Pressure                      | Pression
pressure_difference     | Pa         | _pa                |         |         | Pressure difference           | Pression différentielle
pulse_count             |            | _count             | 0       |         | Pulses                        | Impulsions
radiation_dose_rate     | uSv/h      | _usvh              | 0       |         | Radiation dose rate           | Débit de dose
reactive_energy         | kvar.h     | _kvarh             |         |         | Reactive energy               | Énergie réactive
reactive_power          | var        | _var               |         |         | Reactive power                | Puissance réactive
resistance              | Ohm        | _ohm               | 0       |         | Resistance                    | Résistance
salinity                | g/kg       | _gkg               | 0       |         | Salinity                      | Salinité
signal_strength         | {dBm}      | _dbm               |         |         | Signal strength               | Puissance du signal
sound_level             | dB[SPL]    | _db                | 0       |         | Sound level                   | Niveau sonore
speed                   | km/h       | _kmh               | 0       |         | Speed                         | Vitesse
state                   |            |                    |         |         | State                         | État
state_of_charge         | %          | _percent           | 0       | 100     | State of charge               | État de charge
strain                  | 1          | _strain            |         |         | Strain                        | Déformation
suspended_solids        | mg/L       | _mgl               | 0       |         | Suspended solids              | Matières en suspension
temperature             | Cel        | _c                 | -273.15 |         | Temperature                   | Température
text                    |            |                    |         |         | Text                          | Texte
thermal_energy          | kW.h       | _kwh               |         |         | Thermal energy                | Énergie thermique
timestamp               | s          | _s                 |         |         | Time since 1970               | Temps depuis 1970
turbidity               | {NTU}      | _ntu               | 0       |         | Turbidity                     | Turbidité
turbidity_infrared      | {FNU}      | _fnu               | 0       |         | Turbidity by infrared         | Turbidité en infrarouge
tvoc                    | [ppb]      | _ppb               | 0       |         | Volatile organic compounds    | Composés organiques volatils
uv_index                | 1          | _index             | 0       |         | UV index                      | Indice UV
voltage                 | V          | _v                 |         |         | Voltage                       | Tension
volume                  | m3         | _m3                |         |         | Volume                        | Volume
volume_flow             | m3/h       | _m3h               |         |         | Flow                          | Débit
volumetric_water        | m3/m3      | _m3m3              |         |         | Volumetric water content      | Teneur en eau volumique
water_level             | m          | _m                 |         |         | Water level                   | Niveau d’eau
water_potential         | kPa        | _kpa               |         |         | Water potential               | Potentiel hydrique
wind_component          | m/s        | _ms                |         |         | Wind speed along an axis      | Composante du vent
wind_speed              | m/s        | _ms                | 0       |         | Wind speed                    | Vitesse du vent
""")  # noqa: E501 - a table reads best with aligned columns

COUNTED = frozenset(
    {
        "apparent_energy",
        "charge",
        "energy",
        "operating_time",
        "pulse_count",
        "reactive_energy",
        "thermal_energy",
        "volume",
    }
)

_UNIT_ENDINGS = tuple(
    sorted({ending for of in QUANTITIES.values() if of.unit not in {"", "1"} for ending in of.endings}, key=len)
)
