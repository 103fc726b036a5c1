"""The words in which codecs name what they say, and what they mean: the tables behind ``decoders.proposals``.

Rules:

1. Codecs abbreviate and join words as they like (``TempC_SHT``, ``batV``, ``BAT_mV``): ``words`` gives lower-case
   words, spelt out, whatever the case and the separators.
2. A phrase stands for one quantity. ``unit`` is what codecs mean when they say none; none: there is no telling.
3. Units are UCUM codes, as in a device file.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import pairwise

from decoders.units import UNITS, code


@dataclass(frozen=True, slots=True)
class Phrase:
    """What some words in a row measure. ``unit``: what is meant where none is told, ``None`` if that varies."""

    quantity: str
    unit: str | None


def words(text: str) -> list[str]:
    """Return the words of a key, spelt out: ``TempC_SHT`` is temperature, c, sht."""
    for sign, name in _SIGNS:
        text = text.replace(sign, name)
    text = _PM1.sub(r"\1 ", text)
    matches = list(_PART.finditer(text))
    parts = [match[0].lower() for match in matches]
    glued = [False, *(one.end() == other.start() for one, other in pairwise(matches))]
    found: list[str] = []
    position = 0
    while position < len(parts):
        end = next(
            (end for end in _ends(position, len(parts)) if "".join(parts[position:end]) in _JOINED), position + 1
        )
        joined = "".join(parts[position:end])
        if end < len(parts) and glued[end] and parts[end].isdigit() and _is_code(joined):
            joined += parts[end]  # DI3, L1
            end += 1
        found.extend(_spelt(joined))
        position = end
    return found


def _is_code(word: str) -> bool:
    """Whether digits behind a word belong to it, as in DI3 and L1, and do not count it."""
    return len(word) <= _SHORT and word not in _KNOWN and word not in {"c", "f", "v"}


def _ends(position: int, most: int) -> range:
    return range(min(most, position + _LONGEST_JOIN), position, -1)


def units(parts: Sequence[str]) -> Iterator[tuple[int, str]]:
    """Yield how many words at the end of ``parts`` name a unit, and its code; the longest first."""
    for length in range(min(len(parts), _LONGEST_UNIT), 0, -1):
        for unit in UNIT_WORDS.get(" ".join(parts[-length:]), ()):
            yield length, unit


def unit_codes(text: str) -> tuple[str, ...]:
    """Return what a unit written by itself can mean (``°C``, ``Cel``, ``%RH``); empty if it is not known."""
    written = code(text.strip())
    return (written,) if written in UNITS else UNIT_WORDS.get(" ".join(words(text)), ())


@cache
def _spelt(word: str) -> tuple[str, ...]:
    """Return a word spelt out, or the two known words that it is joined of."""
    if word in _SPELLINGS:
        return tuple(_SPELLINGS[word].split())
    if word in _JOINED or len(word) < _SHORTEST_PAIR:
        return (word,)
    for cut in range(len(word) - 3, 2, -1):
        first, second = word[:cut], word[cut:]
        if first in _PAIRABLE and second in _PAIRABLE:
            return (*_spelt(first), *_spelt(second))
    return (word,)


_SIGNS = (
    ("°C", "_c_"), ("℃", "_c_"), ("°F", "_f_"), ("℉", "_f_"), ("°", "_deg_"), ("%", "_percent_"),
    ("µ", "u"), ("μ", "u"), ("²", "2"), ("³", "3"), ("Ω", "_ohm_"), ("é", "e"), ("è", "e"), ("à", "a"),
)  # fmt: skip
_PART = re.compile(r"[A-Z]+\d+[A-Z]\d+|[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+", re.ASCII)  # DS18B20 is one word
_PM1 = re.compile(r"(?i)(pm_?1)[_.]0(?!\d)")  # PM1_0 is not PM10
_LONGEST_JOIN = 4
_LONGEST_UNIT = 3
_SHORT = 3
_SHORTEST_PAIR = 6


def _spellings(text: str) -> dict[str, str]:
    return {
        short: full.strip() for line in text.strip().splitlines() for full, _, all_ in [line.partition("<")]
        for short in all_.split()
    }  # fmt: skip


_SPELLINGS = _spellings("""
temperature       < temp tmp tempera temperatura temperatures temps
humidity          < hum humi hygro rh hygrometry humidite
relative humidity < relh
battery           < bat batt vbatt accu
battery v         < vbat vbatt
voltage           < volt volts vol
current           < cur curr amp amps
illuminance       < lux illum illumination
light             < lum luminosity luminance
pressure          < pres prs
atmospheric       < atmos
barometric        < baro barometer
co2               < eco2
tvoc              < voc vocs
pm25              < pm2p5
latitude          < lat
longitude         < lon lng
altitude          < alt elevation
count             < cnt counter counts compteur
pulse             < pulses imp impulse impulses
average           < avg mean moy
minimum           < min mini
maximum           < max maxi
external          < ext
internal          < int intern
distance          < dist
level             < lvl
direction         < dir
percent           < pct perc percentage percents
frequency         < freq
power             < pwr
conductivity      < conduct
speed             < velocity
rain              < rainfall precipitation rainfalls
noise             < sound
status            < stat
position          < pos
channel           < chn ch chan
occupied          < occup
minutes           < mins
seconds           < secs sec
dew point         < dewpoint
setpoint          < sp
microcontroller   < mcu cpu
orientation       < orient
acceleration      < accel acc accelerometer
""")


# What codecs write for a unit, in words as ``words`` gives them | the codes that it can mean.
def _unit_words(text: str) -> dict[str, tuple[str, ...]]:
    found: dict[str, tuple[str, ...]] = {}
    for line in text.strip().splitlines():
        code, _, spellings = line.partition("<")
        for spelling in spellings.split(","):
            key = spelling.strip()
            found[key] = (*found.get(key, ()), code.strip())
    return found


UNIT_WORDS = _unit_words("""
Cel        < c, cel, celsius, deg c, degc, degrees celsius, degree celsius
[degF]     < f, fahrenheit, deg f, degf
K          < k, kelvin
%          < percent, percent humidity, prh
V          < v, voltage
mV         < mv, millivolt, millivolts
uV         < uv, microvolt, microvolts
kV         < kv
A          < a, ampere, amperes, current
mA         < ma, milliampere, milliamperes, milliamp, milliamps
uA         < ua
W          < w, watt, watts
kW         < kw
mW         < mw
V.A        < va
kV.A       < kva
var        < var
kvar       < kvar
W.h        < wh
kW.h       < kwh
MW.h       < mwh
GJ         < gj
MJ         < mj
V.A.h      < vah
kV.A.h     < kvah
var.h      < varh
kvar.h     < kvarh
Pa         < pa, pascal
hPa        < hpa
kPa        < kpa
mbar       < mbar, millibar
bar        < bar
[psi]      < psi
m          < m, meter, meters, metre, metres
cm         < cm
mm         < mm
um         < um
km         < km
L          < l, liter, liters, litre, litres
dL         < dl
mL         < ml
m3         < m3
L/h        < lh, l h, lph
L/min      < lmin, l minimum, lpm
L/s        < ls, l s
m3/h       < m3h, m3 h
m/s        < ms, m s, mps
km/h       < kmh, km h, kph
[mi_i]/h   < mph
[kn_i]     < knots, kt
s          < s, seconds, second
ms         < ms, msec, millis, milliseconds
min        < minutes, minute, minimum
h          < h, hours, hour, hrs
d          < d, days, day
[ppm]      < ppm
[ppb]      < ppb
ug/m3      < ugm3, ug m3
mg/m3      < mgm3, mg m3
mg/L       < mgl, mg l
/cm3       < cm3
g/kg       < gkg, g kg
lx         < lx, illuminance
klx        < klx
W/m2       < wm2, w m2
umol/m2/s  < umolm2s, umol m2 s
dB[SPL]    < db, dba, dbspl
{dBm}      < dbm
Hz         < hz
kHz        < khz
uS/cm      < uscm, us cm
mS/cm      < mscm, ms cm
dS/m       < dsm, ds m
deg        < deg, degrees, degree
rad        < rad
m/s2       < ms2, m s2
[g]        < g
m[g]       < mg
kg         < kg
g          < g, grams
t          < tons
Ohm        < ohm, ohms
kOhm       < kohm, kohms
{NTU}      < ntu
{FNU}      < fnu
[pH]       < ph
uT         < ut
uSv/h      < usvh, usv h
A.h        < ah
mA.h       < mah
m3/m3      < m3m3, m3 m3
""")


def _set(text: str) -> frozenset[str]:
    return frozenset(text.split())


def _phrases(text: str) -> dict[tuple[str, ...], Phrase]:
    found: dict[tuple[str, ...], Phrase] = {}
    for line in text.strip().splitlines():
        quantity, unit, phrases = (cell.strip() for cell in line.split("|"))
        found |= {tuple(phrase.split()): Phrase(quantity, unit or None) for phrase in phrases.split(",")}
    return found


# The columns: quantity, the unit where none is told, phrases. The first table decides before the second.
STRONG = _phrases("""
temperature           | Cel       | temperature, dew point
humidity              | %         | humidity
moisture              | %         | moisture, soil humidity, soild humidity, water content, vwc, soil water
co2                   | [ppm]     | co2, carbon dioxide
tvoc                  | [ppb]     | tvoc
mass_concentration    | ug/m3     | pm1, pm10, pm25, pm4, pm100, mass concentration
number_concentration  |           | number concentration
concentration         |           | co, no2, no, so2, o3, nh3, h2s, ch4, hcho, o2, ozone, formaldehyde, nox
illuminance           | lx        | illuminance, light intensity, ambient light
air_pressure          |           | barometric pressure, air pressure, atmospheric pressure, barometric
air_pressure          |           | ambient pressure
pressure_difference   | Pa        | differential pressure, pressure difference, difference pressure, delta pressure
pressure              |           | pressure, water pressure, pipe pressure
voltage               | V         | voltage, battery voltage
current               |           | current
power                 | W         | active power, power, instantaneous power
reactive_power        | var       | reactive power
apparent_power        | V.A       | apparent power
power_factor          | 1         | power factor, cos phi, cosphi
energy                |           | energy, active energy, power consumption, energy consumption
reactive_energy       |           | reactive energy
apparent_energy       |           | apparent energy
frequency             | Hz        | frequency, line frequency
distance              |           | distance
water_level           |           | water level, water depth, liquid level
fill_level            | %         | fill level, filling level, fillinglvl, filling rate, fillrate
battery_level         | %         | battery level, battery percent, battery capacity, battery charge, remaining battery
state_of_charge       | %         | soc, state of charge
volume                |           | volume, water meter, water volume, consumption volume
volume_flow           |           | flow, flow rate, flowrate
pulse_count           |           | pulse, pulse count, total pulse
count                 |           | count
latitude              | deg       | latitude
longitude             | deg       | longitude
altitude              | m         | altitude
heading               | deg       | heading
wind_speed            | m/s       | wind speed, wind gust, gust speed, gust
direction             | deg       | wind direction
precipitation         | mm        | rain, rain gauge, rain total
irradiance            | W/m2      | solar radiation, irradiance, radiation, solar irradiance
photon_flux           | umol/m2/s | par, ppfd, photosynthetically active radiation, active radiation
uv_index              | 1         | uv index, uvi
sound_level           | dB[SPL]   | noise, noise level, laeq, laf, lafmax, leq, sound level, sound pressure level, spl
signal_strength       | {dBm}     | rssi, rsrp, signal strength
ph                    | [pH]      | ph
conductivity          |           | conductivity, ec, soil conductivity, electrical conductivity
salinity              |           | salinity
turbidity             | {NTU}     | turbidity
dissolved_oxygen      | mg/L      | dissolved oxygen
angle                 | deg       | angle, inclination, roll, pitch, tilt angle, pitch angle, roll angle
acceleration          |           | acceleration
mass                  | kg        | weight, mass
speed                 |           | speed
resistance            | Ohm       | resistance
magnetic_field        |           | magnetic field
radiation_dose_rate   | uSv/h     | dose rate
water_potential       | kPa       | water potential, soil tension, tension
permittivity          | 1         | permittivity, dielectric permittivity
dimming               | %         | dimming, dimming level, dim level
occupancy             |           | people count, occupancy count, persons, people, person count
operating_time        |           | operating time, running time, run time, runtime, operating hours, lamp hours
duration              |           | duration
diameter_change       |           | diameter change, trunk growth
""")
WEAK = _phrases("""
battery_level         |           | battery
illuminance           | lx        | light
percentage            | %         | percent
angle                 | deg       | tilt
fill_level            | %         | fill, filling
""")

STATE_WORDS = _set("""
status state mode alarm alert leak leakage open opened closed door window motion movement moving occupied
occupancy tamper button switch relay presence pir smoke fire error fault failure trigger triggered valve event
contact input output charging vacant detected detection flood shock fall parked parking lamp light tilt water
vibration connected online active enabled running fraud reverse backflow burst dry frost freeze low high power
magnet removed reed digital gpio pin flag position socket pump fan heater direction
""")
"""Words of states: a text or a whole number under one of them is a state."""

STATE_ENDS = _set("""
status state mode alarm alert event flag code source detected detection enabled error fault failure trigger
triggered leak leakage
""")
"""Words that make a state of whatever stands before them: a temperature's alarm is no temperature."""

NOTHING = frozenset({"nosensor", "no sensor", "null", "n/a", "na", "nan", "-", "undefined", "invalid"})
"""Texts with which codecs say that there is no value, in lower case."""

SETTINGS = _set("""
threshold thresholds change interval intervals period periodicity config configuration conf limit limits delta
offset calibration coefficient multiplier divisor enable hysteresis debounce setting settings parameter
parameters version versions firmware hardware software revision datecode serial sn uuid crc checksum length
size port fport endpoint cluster attribute protocol manufacturer model product vendor type unit units name
description label id address eui mac raw hex payload bytes report message msg cmd command timeout delay timer
retry retries sensitivity mintime maxtime timezone password key reserved rfu index
""")
"""Words of what a device is and how it is set, which are not measured; who wants them maps them by hand."""

TIMES = _set("""
time timestamp date datetime isotime unixtime timestamps epoch when received measured recorded
""")
"""Words of a moment."""

FILLERS = _set("""
data value values val payload bytes measurement measurements measured measure sensor sensors message messages
reading readings decoded result results object objects field fields uplink sample samples list array info
records record history measures channels telemetry report var in of the
""")
"""Words that a name can do without."""


def _pairs(text: str) -> dict[str, str]:
    return {english: french for english, _, french in (pair.partition(":") for pair in text.split())}


FRENCH = _pairs("""
battery:batterie external:extérieur internal:intérieur outdoor:extérieur indoor:intérieur ambient:ambiant soil:sol
water:eau minimum:minimum maximum:maximum average:moyenne channel:voie door:porte window:fenêtre open:ouvert
opened:ouvert closed:fermé alarm:alarme leak:fuite motion:mouvement movement:mouvement occupied:occupé
occupancy:occupation button:bouton switch:interrupteur relay:relais presence:présence smoke:fumée fire:feu error:erreur
fault:défaut failure:panne valve:vanne event:événement input:entrée output:sortie charging:charge
parking:stationnement lamp:lampe light:lumière tilt:inclinaison low:bas high:haut status:état detected:détecté
detection:détection temperature:température humidity:humidité pressure:pression voltage:tension current:courant
power:puissance energy:énergie level:niveau wind:vent rain:pluie import:soutirage export:injection forward:aller
reverse:retour return:retour supply:départ microcontroller:microcontrôleur board:carte probe:sonde reactive:réactive
tamper:effraction pulse:impulsion flow:débit count:nombre target:consigne setpoint:consigne peak:crête
""")
"""Words of titles in French, where they differ."""


def _joined() -> frozenset[str]:
    """Return what may stand in several parts and is one word: ``m`` and ``V``, ``CO`` and ``2``, ``p`` and ``H``."""
    phrases = {word for phrase in (*STRONG, *WEAK) for word in phrase if not word.isdigit()}
    measures = {spelling.replace(" ", "") for spelling in UNIT_WORDS if len(spelling.replace(" ", "")) > 1}
    return frozenset({*phrases, *measures, *(word for word in _SPELLINGS if len(word) > 1)})


_JOINED = _joined()
_KNOWN = frozenset({*_JOINED, *_SPELLINGS, *STATE_WORDS})
_PAIRABLE = frozenset(
    word
    for word in {
        *_SPELLINGS, *(word for phrase in (*STRONG, *WEAK) for word in phrase), *STATE_WORDS,
        "external", "internal", "average", "minimum", "maximum", "soil", "air", "water", "total", "level", "ambient",
    }
    if len(word) > 2  # noqa: PLR2004 - shorter ones are found in everything
)  # fmt: skip
