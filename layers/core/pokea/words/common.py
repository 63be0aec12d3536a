"""What every agent says: the beginning and the end of a call, and answers to commits."""

from __future__ import annotations

ENGLISH = {
    "language_changed": "Of course. How can I help you?",
    "idle_ask_again": "I cannot hear you. What can I do for you?",
    "handoff_calling": "One moment, please. I am trying to reach somebody for you. Please stay on the line.",
    "handoff_wait": "I am still trying to reach them. Please stay on the line.",
    "opted_out": "All right. We will not call this number again. Goodbye.",
    "greeting": "Hello, this is {business}. I am an AI assistant. How can I help you?",
    "greeting_recorded": "Hello, this is {business}. I am an AI assistant, and this call is recorded. How can I help you?",
    "idle_ask": "Are you still there?",
    "idle_goodbye": "I still cannot hear you, so I will end the call now. Please call again. Goodbye.",
    "goodbye": "Thank you for calling {business}. Goodbye.",
    "trouble": "I am sorry, we have a technical problem. Please call again in a few minutes.",
    "one_moment": "One moment, please.",
    "say_again": "Sorry, I did not get that. Could you say it again?",
    "ask_name": "May I have your full name, please?",
    "propose_again": "Nothing has been changed yet. Let me check that once more: what would you like to do?",
    "already_done": "That has already been done. Is there anything else?",
    "anything_else": "Is there anything else?",
    "left_alone": "All right, I leave it as it is. Is there anything else?",
}

SWAHILI = {
    "language_changed": "Sawa. Nikusaidie vipi?",
    "idle_ask_again": "Sikusikii. Nikusaidie nini?",
    "handoff_calling": "Subiri kidogo, tafadhali. Najaribu kumpata mtu wa kukusaidia. Kaa kwenye simu.",
    "handoff_wait": "Bado najaribu kuwapata. Tafadhali kaa kwenye simu.",
    "opted_out": "Sawa. Hatutapiga tena nambari hii. Kwaheri.",
    "greeting": "Habari, hapa ni {business}. Mimi ni msaidizi wa akili bandia. Nikusaidie vipi?",
    "greeting_recorded": "Habari, hapa ni {business}. Mimi ni msaidizi wa akili bandia, na simu hii inarekodiwa. Nikusaidie vipi?",
    "idle_ask": "Bado upo kwenye simu?",
    "idle_goodbye": "Bado sikusikii, kwa hiyo nakata simu sasa. Tafadhali piga tena. Kwaheri.",
    "goodbye": "Asante kwa kupiga simu {business}. Kwaheri.",
    "trouble": "Samahani, tuna tatizo la kiufundi. Tafadhali piga tena baada ya dakika chache.",
    "one_moment": "Subiri kidogo, tafadhali.",
    "say_again": "Samahani, sikuelewa. Tafadhali sema tena?",
    "ask_name": "Naomba jina lako kamili, tafadhali?",
    "propose_again": "Hakuna kilichobadilishwa bado. Tuangalie tena: ungependa kufanya nini?",
    "already_done": "Hilo limeshafanyika. Kuna kingine?",
    "anything_else": "Kuna lingine?",
    "left_alone": "Sawa, naiacha ilivyo. Kuna lingine?",
}
