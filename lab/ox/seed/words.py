"""Names, places and sentences that the made data are put together from."""

from __future__ import annotations

from random import Random


def _listed(text: str) -> tuple[str, ...]:
    return tuple(text.split())


FIRST = _listed(
    "Åse Björn Chloë Daniel Élodie François Gülsen Håkon Inês Jürgen Kateřina Łukasz Müzeyyen Niña "
    "Øystein Paweł Quentin Renée Søren Tâm Ülkü Věra Wolfgang Xaver Yannis Zoë Ольга Дмитрий 花子 太郎 明 "
    "Ελένη محمد נועה"
)
LAST = _listed(
    "Ångström Böhm Çakır Dvořák Eßer Fernández Groß Häberle Ibáñez Jørgensen Köhler Łapiński Müller "
    "Nguyễn Öztürk Pérez O'Reilly Schäfer Þórsson Übelhör Vogel Weiß Xu Yılmaz Żuk Иванова Петров 山田 鈴木 王 "
    "Παπαδόπουλος حسن כהן"
)
COMPANIES = (
    "Müller & Söhne KG",
    "Example GmbH",
    "Société Générale d'Exemples",
    'The "Quoted" Company, Ltd.',
    "Øst & Vest A/S",
    "株式会社例",
    "ООО «Пример»",
    "Smith; Jones, and Partners",
)
CITIES = (
    "Köln",
    "München",
    "Łódź",
    "São Paulo",
    "Reykjavík",
    "København",
    "Москва",
    "東京",
    "Zürich",
    "Málaga",
)
STREETS = ("Hauptstraße", "Rue de la Paix", "Ulica Świętokrzyska", "Calle Mayor", "Königsallee", "Gänsemarkt")
COUNTRIES = ("Deutschland", "Österreich", "France", "España", "Polska", "Россия", "日本", "Schweiz")
TOPICS = _listed(
    "Angebot Besprechung Fahrplan Grüße Kündigung Lieferung Mahnung Protokoll Quartalszahlen Rechnung "
    "Termin Urlaub Vertrag Wartung Zeugnis Invoice Meeting Offer Report Review"
)
_SENTENCES = (
    "Wir haben Ihre Anfrage erhalten und melden uns in den nächsten Tagen.",
    "Please find the figures of the last quarter below.",
    "Könnten Sie das bitte bis Freitag prüfen?",
    "The train leaves at 7:42 from platform 9.",
    "Größere Änderungen sind für die nächste Ausgabe vorgesehen.",
    "Merci de confirmer votre présence à la réunion.",
    "Bitte beachten Sie die geänderten Öffnungszeiten: 9–17 Uhr.",
    "Nothing else has changed since we last spoke.",
    "Der Preis beträgt 1.234,56 € zuzüglich Mehrwertsteuer.",
    "He said: “It's done”, and left.",
)


def sentences(random: Random, count: int) -> str:
    """Some sentences in a row."""
    return " ".join(random.choice(_SENTENCES) for _ in range(count))


def paragraphs(random: Random, count: int) -> str:
    """Some paragraphs, separated by empty lines, with CRLF."""
    return "\r\n\r\n".join(sentences(random, random.randint(2, 5)) for _ in range(count))


def person(random: Random) -> tuple[str, str]:
    """A first and a last name."""
    return random.choice(FIRST), random.choice(LAST)


def ascii_only(text: str) -> str:
    """A text reduced to what fits into an address."""
    return "".join(letter for letter in text.lower() if letter.isascii() and letter.isalnum()) or "x"
