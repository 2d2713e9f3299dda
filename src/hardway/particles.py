"""Korean particles: which of two forms follows a word depends on the word's last sound.

Translations write both forms behind a hole, as in `{path}을(를)`. The value decides.
"""

import re
from enum import Enum


class Sound(Enum):
    """What a word ends with when it is read aloud."""

    VOWEL = "vowel"
    CONSONANT = "consonant"
    RIEUL = "rieul"
    """The consonant that 로 follows as it follows a vowel."""


FORMS = {
    "은(는)": ("은", "는"),
    "이(가)": ("이", "가"),
    "을(를)": ("을", "를"),
    "과(와)": ("과", "와"),
    "(으)로": ("으로", "로"),
    "(이)라": ("이라", "라"),
}
"""Each pair with its form after a consonant, and after a vowel."""
PAIR = re.compile("|".join(map(re.escape, FORMS)))
QUOTES = "'\"`”\u2019"
LONGEST = 40
"""Letters of a word that are looked at; what has more is no word."""
FIRST, LAST, FINALS, RIEUL = 0xAC00, 0xD7A3, 28, 8
"""The syllables of Hangul; each ends with one of so many sounds, of which the first is none."""
V, C, R = Sound.VOWEL, Sound.CONSONANT, Sound.RIEUL
DIGITS = (C, R, V, C, V, V, C, R, R, V)
LETTERS = {"l": R, "m": C, "n": C, "r": R}
"""Names of letters that end with a consonant: 엘, 엠, 엔, 알."""
WORDS = {"file": R, "kubelet": C, "machine": C, "node": V, "rbac": C, "role": R, "secret": C,
         "service": V, "state": V}  # fmt: skip
"""Words whose spelling does not tell how they end."""
ENDINGS = (("ng", C), ("[aiouywdfghjsvxz]", V), ("[eoa]r", V), ("l", R), ("[mn]", C))
"""What words end with that are read as words; of all others nothing is known."""


def settled(said: str) -> str:
    """Return a Korean text with one form of each particle; both stay where a sound is unknown."""

    def choose(found: re.Match[str]) -> str:
        before = found.string[max(0, found.start() - LONGEST) : found.start()]
        sound = last_sound(before.rstrip(QUOTES))
        if sound is None:
            return found[0]
        return FORMS[found[0]][sound is V or (sound is R and found[0] == "(으)로")]

    return PAIR.sub(choose, said)


def last_sound(word: str) -> Sound | None:
    """Return what a word ends with; None where its spelling does not tell."""
    last = word[-1:] or " "
    if FIRST <= ord(last) <= LAST:
        final = (ord(last) - FIRST) % FINALS
        return V if not final else R if final == RIEUL else C
    if last.isdecimal() and last.isascii():
        return DIGITS[int(last)]
    if not (read := re.search("[A-Za-z]+$", word)):
        return None
    letters = read[0].lower()
    if letters in WORDS:
        return WORDS[letters]
    if read[0].isupper() or not re.search("[aeiouy]", letters):
        return LETTERS.get(letters[-1], V)
    return next((sound for ending, sound in ENDINGS if re.search(f"{ending}$", letters)), None)
