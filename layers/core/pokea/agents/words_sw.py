"""What the agents say in Swahili."""

from __future__ import annotations

WORDS = {
    # standing phrases
    "greeting": "Habari, hapa ni {business}. Mimi ni msaidizi wa akili bandia. Nikusaidie vipi?",
    "greeting_recorded": "Habari, hapa ni {business}. Mimi ni msaidizi wa akili bandia, na simu hii inarekodiwa. Nikusaidie vipi?",
    "idle_ask": "Bado upo kwenye simu?",
    "idle_ask_again": "Sikusikii. Ungependa kuweka, kubadilisha au kufuta miadi?",
    "idle_goodbye": "Bado sikusikii, kwa hiyo nakata simu sasa. Tafadhali piga tena. Kwaheri.",
    "goodbye": "Asante kwa kupiga simu {business}. Kwaheri.",
    "trouble": "Samahani, tuna tatizo la kiufundi. Tafadhali piga tena baada ya dakika chache.",
    "one_moment": "Subiri kidogo, tafadhali.",
    "say_again": "Samahani, sikuelewa. Tafadhali sema tena?",
    # questions
    "ask_service": "Ungependa kuja kwa huduma gani: {choices}?",
    "ask_when": "Ungependa kuja siku gani na saa ngapi?",
    "ask_when_again": "Samahani, sikusikia vizuri siku na saa. Ungependa kuja lini?",
    "ask_day": "Siku gani?",
    "ask_which": "Unamaanisha {choices}?",
    "ask_time": "Saa ngapi? Nina nafasi {times}.",
    "ask_time_open": "Saa ngapi?",
    "ask_name": "Naomba jina lako kamili, tafadhali?",
    "ask_appointment": "Una miadi zaidi ya moja: {choices}. Unamaanisha ipi?",
    # free times
    "free": "{time} kuna nafasi. Niichukue?",
    "free_times": "Nina nafasi {times}. Ungependa ipi?",
    "taken": "Samahani, {time} imeshachukuliwa. Nina nafasi {times}. Ungependa ipi?",
    "taken_none": "Samahani, {time} imeshachukuliwa, na hakuna nafasi karibu na hapo. Siku gani nyingine itakufaa?",
    "off_grid": "Miadi huanza kila robo saa. Nina nafasi {times}. Ungependa ipi?",
    "off_grid_none": "Miadi huanza kila robo saa, na hakuna nafasi karibu na hapo. Siku gani nyingine itakufaa?",
    "none_free": "Samahani, hakuna nafasi wakati huo. Nina nafasi {times}. Ungependa ipi?",
    "none_free_none": "Samahani, hakuna nafasi wakati huo. Siku gani nyingine itakufaa?",
    "closed_day": "Tumefunga {day}. Nina nafasi {times}. Ungependa ipi?",
    "closed_day_none": "Tumefunga {day}. Siku gani nyingine itakufaa?",
    "closed_time": "Muda huo hauko ndani ya saa zetu za kazi {day}. Nina nafasi {times}. Ungependa ipi?",
    "closed_time_none": "Muda huo hauko ndani ya saa zetu za kazi {day}. Siku gani nyingine itakufaa?",
    "past": "Muda huo umeshapita. Ungependa kuja lini?",
    "too_far": "Hatuweki miadi baada ya {day}. Siku gani ya mapema zaidi itakufaa?",
    # read-backs: each is a question
    "read_back_book": "Nasoma tena: {service} kwa {name}, {time}. Niiweke?",
    "read_back_move": "Nasoma tena: nahamisha miadi ya {service} ya {name} kutoka {before} hadi {time}. Nifanye hivyo?",
    "read_back_cancel": "Nasoma tena: nafuta miadi ya {service} ya {name}, {time}. Nifanye hivyo?",
    # outcomes
    "booked": "Tayari: {service} kwa {name} imewekwa {time}. Kuna kingine?",
    "already_booked": "Tayari unayo miadi hiyo: {service} kwa {name}, {time}. Kuna kingine?",
    "moved": "Tayari. Miadi ya {service} ya {name} sasa ni {time}. Kuna kingine?",
    "cancelled": "Tayari. Miadi ya {service} ya {name}, {time}, imefutwa. Kuna kingine?",
    # refusals
    "propose_again": "Hakuna kilichobadilishwa bado. Tuangalie tena: ungependa kufanya nini?",
    "already_done": "Hilo limeshafanyika. Kuna kingine?",
    "not_free": "Samahani, muda huo umechukuliwa sasa hivi. Nina nafasi {times}. Ungependa ipi?",
    "not_free_none": "Samahani, muda huo umechukuliwa sasa hivi, na hakuna nafasi karibu na hapo. Siku gani nyingine itakufaa?",
    "same_time": "Miadi tayari iko wakati huo. Niihamishie wakati gani mwingine?",
    "not_booked": "Miadi hiyo haipo tena. Ungependa kuweka mpya?",
    # own appointments
    "appointments": "Una {appointments}.",
    "appointment": "{service}, {time}",
    "no_appointment": "Sioni miadi ijayo kwa jina hilo na namba unayopigia. Nikusaidie kwa kingine?",
}
