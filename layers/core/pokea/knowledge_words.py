"""Words for finding an answer: which words say nothing, which mean the same, and where a word's stem ends.

A text becomes a list of terms. A word of a concept becomes the concept's name ("COST"), whichever language it is said in, so that a
question in one language can be answered from a text in the other; any other word becomes its stem.
"""

from __future__ import annotations

import re
import unicodedata
from collections import defaultdict
from collections.abc import Mapping
from functools import cache, lru_cache

# Said around a question, in any business: they tell nothing of what it is about.
_SAYS_NOTHING = """
a an the this that these those there here it its i me my mine we us our ours you your yours he him his she her they
them their one ones is are was were am be been being do does did done doing have has had having will would shall
should can could may might must of in on at to from for with by about into over under than then as if so and or but
not no yes any some all every each both either what which who whom whose why how where when also just only even very
too really quite more most much many lot lots please hello hi thanks thank tell ask know say said want wants wanted
wish like need needs looking look interested wondering wonder maybe perhaps possible possibly able allowed get gets
got give gives given make makes take takes taken let lets go goes going come comes use used something anything
everything thing things someone anyone people person kind sort type ok okay sir madam help question quick information
info details regarding concerning around actually currently today now still already friend son daughter brother sister
wife husband mother father cousin boss college school office shop clinic company business place there's offer offers
offering provide provides providing available up out somewhere anywhere nearby near where's required receive receives
think believe guess date dates finish finished work works working day days during week weeks month months year years
two three four five six half per first next last new
na ya wa la za cha vya kwa katika kwenye ni si je ndiyo hapana au lakini pia tu sana zaidi kama kuhusu ili bila mpaka
hadi mimi wewe sisi nyinyi ninyi wao yeye yangu wangu langu changu zangu yako wako lako chako zako yetu wetu yenu wenu
lenu chenu zenu vyenu hii hiyo hili hilo hiki hicho huyu huyo hapa hapo huko pale kila baadhi yote wote zote nataka
ningependa ningetaka naomba nahitaji nauliza swali kujua niambie tafadhali habari asante samahani hujambo shikamoo
kuna mna una ana nina tuna ninaweza naweza unaweza mnaweza inawezekana lazima gani nani nini kipi ipi yapi zipi upi
kwenu kwako kwangu kwetu chuoni chuo ofisi kampuni duka rafiki mwanangu ndugu leo sasa bado kitu vitu jambo mambo mtu
watu fulani wapi lini vipi ngapi mahali pa fanyika kufanyika unafanyikaje inafanyikaje inafanywaje unafanywaje siku
wiki mwezi mwaka kwanza mpya kuja nije nitakuja nikija
"""

# Each line: a concept, then its words and phrases in every language. General to small businesses; what is special to one stands in its
# own knowledge, as other ways to ask the same.
_CONCEPTS = """
COST: cost, costs, price, prices, fee, fees, charge, charges, expensive, rates, tariff, how much, bei, ada, gharama,
    kiasi gani, pesa ngapi, shilingi ngapi, mnatoza
CHEAPER: discount, discounts, cheaper, reduction, reduced, special price, punguzo, nafuu, mnapunguza
PAY: pay, paying, paid, payment, payments, lipa, kulipa, nilipe, nalipa, ninalipa, malipo, nalipaje, ninalipaje,
    tunalipa, kulipia, nitalipa
INSTALMENT: instalment, instalments, installment, installments, in parts, two parts, half now, later, bit by bit, pay
    later, payment plan, all at once, everything at once, in advance, awamu, kidogo kidogo, mara moja, zote pamoja
CARD: card, cards, visa, mastercard, kadi
MPESA: mpesa, m pesa, mobile money, paybill, till number
CASH: cash, taslimu
REFUND: refund, refunds, refunded, money back, fee back, fees back, reimburse, reimbursed, rudishiwa, kurudishiwa,
    nirudishiwe, nitarudishiwa, mnarudisha, mtanirudishia, nirudishiwe
CANCEL: cancel, cancelling, cancellation, cancelled, change my mind, ghairi, kughairi, nikighairi, nia
OPENHOURS: open, opening, opened, close, closing, closed, closes, opens, hours, wazi, mnafungua, mnafunga, kufungua,
    kufunga, fungua, funga, mnafunguliwa, imefungwa
WHERE: where are you, where is your, where do i find, located, location, directions, find you, find your,
    reach you, iko wapi, mko wapi, mnapatikana, yuko wapi, nifikeje, nitafikaje
PARK: park, parking, leave my car, carpark, car park, parked, maegesho, kuegesha, egesha, kupaki, paki
CAR: car, cars, vehicle, vehicles, motorbike, gari, magari, pikipiki
BUS: bus, buses, matatu, matatus, public transport, basi, mabasi, daladala, nipande
INTERNET: wifi, wi fi, wireless internet, wireless, internet, intaneti
PASSWORD: password, passwords, passcode, nywila, nenosiri
WEEKEND: weekend, weekends, saturday, saturdays, wikendi, mwisho wa wiki, jumamosi
EVENING: evening, evenings, night, nights, after work, after office hours, jioni, usiku, baada ya kazi, nikitoka
    kazini
HOLIDAY: holiday, holidays, christmas, easter, sikukuu, krismasi, pasaka, likizo
REGISTER: register, registers, registering, registered, registration, enrol, enroll, enrolling, enrolment, enrollment,
    sign up, signing up, join, joining, apply, applying, application, entry, kujiandikisha, jiandikisha,
    najiandikisha, najiandikishaje, nijiandikishe, kujisajili, usajili, nijisajili, kujiunga, jiunga, nijiunge,
    naombaje nafasi
COURSE: course, courses, class, classes, lesson, lessons, training, tuition, programme, programmes, kozi, masomo,
    somo, darasa, madarasa, kipindi, vipindi, darasani
TEACH: teach, teaches, teaching, taught, learn, learning, study, studying, mnafundisha, kufundisha, fundisha,
    tunafundisha, hufundishwa, kujifunza, jifunza, nijifunze, kusoma, nisome
LANGUAGE: language, languages, lugha
ENGLISH: english, kiingereza
FRENCH: french, kifaransa
GERMAN: german, kijerumani
SWAHILI: swahili, kiswahili
COMPUTER: computer, computers, laptop, laptops, kompyuta, tarakilishi
ONLINE: online, over the internet, distance learning, remotely, remote, virtual, virtually, over zoom, from home, at
    home, mtandaoni, nyumbani, masomo ya mbali
LONG: how long, how much time, duration, lasts, how many weeks, how many months, muda gani, muda, wiki ngapi, miezi
    mingapi
BEGIN: begin, begins, beginning, start, starts, starting, start date, intake, intakes, commence, next term, anza,
    kuanza, inaanza, zinaanza, linaanza, unaanza, yanaanza, nianze, muhula
DOCUMENT: document, documents, papers, paperwork, paper, hati, karatasi, nyaraka
BRING: bring, carry, nije na, nilete, kuleta, nibebe, kubeba, nije nayo
IDENTITY: identity, identity card, id card, passport, kitambulisho, pasipoti
REQUIREMENT: requirement, requirements, qualification, qualifications, qualify, prerequisite, prerequisites, grade,
    grades, masharti, sifa
EXPERIENCE: experience, uzoefu
CERTIFICATE: certificate, certificates, diploma, diplomas, cheti, vyeti, stashahada
RECOGNISED: recognised, recognized, accredited, accreditation, kinatambuliwa, kutambuliwa
EXAM: exam, exams, examination, examinations, mtihani, mitihani
TEST: test, tests, testing, jaribio
AGAIN: repeat, repeating, resit, retake, again, kurudia, nirudie, tena
FAIL: fail, failing, failed, nikifeli, kufeli, nikianguka
MISS: miss, missed, missing, absent, absence, nikikosa, sikuhudhuria, nisipohudhuria, nisipokuja
CHANGE: change, changing, switch, switching, move, badilisha, kubadilisha, nibadilishe, kuhama
GROUP: group, groups, kundi, makundi
STUDENT: student, students, pupil, pupils, learner, learners, mwanafunzi, wanafunzi
SIZE: size, big, how many students, how many people, how many others, how many are in, wangapi, makubwa, kubwa
TEACHER: teacher, teachers, tutor, tutors, instructor, instructors, lecturer, mwalimu, walimu
PRIVATE: private, privately, individual, one to one, one on one, alone, to myself, binafsi, peke yangu, peke yake,
    peke yako
FOOD: food, eat, eating, lunch, meal, meals, cafeteria, canteen, coffee, breakfast, restaurant, snack, snacks,
    chakula, kula, mkahawa, kantini, kahawa, mgahawa
HOSTEL: hostel, stay, stays, staying, hostels, accommodation, dormitory, dorm, dorms, boarding, live at, stay
    overnight, sleep, hosteli, malazi, bweni, kulala
ROOM: room, rooms, chumba, vyumba
LIBRARY: library, maktaba
BOOKS: book, books, textbook, textbooks, kitabu, vitabu
BORROW: borrow, borrowing, kuazima, azima, niazime
CHILD: child, children, kid, kids, baby, daughter, year old, mtoto, watoto
AGE: age, old, how old, too young, umri, miaka mingapi
DISABLED: wheelchair, disabled, disability, accessible, ramp, lift, elevator, ulemavu, lifti
STAFF: staff, employees, employee, companies, corporate, team, wafanyakazi
TRANSLATE: translate, translates, translation, translations, translator, translators, interpreter, tafsiri, kutafsiri,
    mnatafsiri
VISIT: visit, visiting, tour, look around, open day, see the college, trial, kutembelea, kuja kuona, majaribio
EMAIL: email, e mail, mail, website, web site, barua pepe, tovuti
LOST: lost, left my, left it, forgot, forgotten, left behind, lost property, nimepoteza, nimesahau, kupoteza, kusahau,
    nilisahau, nilipoteza
SCHOLARSHIP: scholarship, scholarships, bursary, bursaries, ufadhili
TOILET: toilet, toilets, washroom, bathroom, choo, vyoo
APPOINTMENT: appointment, appointments, miadi
DELIVER: deliver, delivery, deliveries, ship, shipping, mnaleta, usafirishaji
GUARANTEE: guarantee, warranty, dhamana
DOCTOR: doctor, doctors, daktari
INSURANCE: insurance, insurances, bima
PHONE: phone, telephone, mobile, simu
PET: dog, dogs, pet, pets, cat, cats, mbwa, paka
FREE: free, free of charge, bure
"""

_SWAHILI_PREFIXES = re.compile(
    r"^(?:(?:ni|u|a|tu|m|wa|i|zi|ya|li|ki|vi|ha|hatu|ham|hawa|si)(?:na|li|ta|me|nge|ki)|na|ku|ma|vi|ki|wa|mi)(?=[a-z]{3})"
)
_SWAHILI_ENDINGS = re.compile(r"(?<=[a-z]{4})(?:ni|je)$")
_WORDS = re.compile(r"[^\W_]+")
_FOLDED = str.maketrans({"'": "", "’": "", "‘": "", "`": ""})
MIN_ROOT = 4  # shorter ones belong to too many words
MAX_TERMS = 200  # of one text; a question has ten


def folded(text: str) -> str:
    """Lower case, no accents, one space between words."""
    bare = text.casefold().translate(_FOLDED)
    if not bare.isascii():
        bare = "".join(c for c in unicodedata.normalize("NFKD", bare) if not unicodedata.combining(c))
    return " ".join(_WORDS.findall(bare))


def terms(text: str, language: str, ignored: frozenset[str] = frozenset()) -> list[str]:
    """What `text` is about, in order, each term once. `ignored`: words that say nothing here, such as the business's own name."""
    found: dict[str, None] = {}
    for word in _with_concepts(folded(text)).split():
        if word.isupper():
            found[word] = None
        elif word not in _stop_words() and word not in ignored and len(word) > 1:
            root = stem(word, language)
            found[_concepts_by_stem(language).get(root, root)] = None
        if len(found) >= MAX_TERMS:
            break
    return list(found)


@lru_cache(maxsize=16_384)  # the words of one large knowledge
def stem(word: str, language: str) -> str:
    return _swahili_stem(word) if language == "sw" else _english_stem(word)


def _english_stem(word: str) -> str:
    for ending, replaced in (("ies", "y"), ("sses", "ss"), ("ing", ""), ("ed", ""), ("es", ""), ("s", "")):
        if word.endswith(ending) and len(word) - len(ending) >= 3 and not word.endswith("ss"):
            word = word[: -len(ending)] + replaced
            break
    if len(word) > 3 and word[-1] == word[-2] and word[-1] not in "lsz":
        word = word[:-1]
    return word[:-1] if len(word) > 4 and word.endswith("e") else word


def _swahili_stem(word: str) -> str:
    word = _SWAHILI_ENDINGS.sub("", word)
    word = _SWAHILI_PREFIXES.sub("", word)
    return word[:-1] if len(word) > 3 and word[-1] in "aeiou" else word


def _with_concepts(text: str) -> str:
    """`text` with the words of each concept replaced by its name, the longest phrases first."""
    words, said, at = text.split(), [], 0
    phrases = _phrases()
    while at < len(words):
        for phrase, concept in phrases.get(words[at], ()):
            if words[at : at + len(phrase)] == phrase:
                said.append(concept)
                at += len(phrase)
                break
        else:
            said.append(words[at])
            at += 1
    return " ".join(said)


@cache
def _phrases() -> Mapping[str, list[tuple[list[str], str]]]:
    """By the first word: the phrases that begin with it, the longest first, each with its concept."""
    concepts: dict[str, str] = {}
    for line in _CONCEPTS.replace("\n    ", " ").strip().splitlines():
        concept, _, listed = line.partition(":")
        for phrase in listed.split(","):
            concepts.setdefault(folded(phrase), concept)
    found: dict[str, list[tuple[list[str], str]]] = defaultdict(list)
    for phrase in sorted(concepts, key=lambda phrase: -len(phrase.split())):
        found[phrase.split()[0]].append((phrase.split(), concepts[phrase]))
    return found


@cache
def _concepts_by_stem(language: str) -> Mapping[str, str]:
    """For the forms of a word that the table does not list: "nitajiandikisha" is "kujiandikisha". Not from "training" to "train"."""
    found: dict[str, str] = {}
    for word, phrases in _phrases().items():
        root, concept = stem(word, language), next((concept for phrase, concept in phrases if phrase == [word]), None)
        if concept and len(root) >= MIN_ROOT and not (language == "en" and word.endswith("ing")):
            found.setdefault(root, concept)
    return found


@cache
def _stop_words() -> frozenset[str]:
    return frozenset(folded(word) for word in _SAYS_NOTHING.split())
