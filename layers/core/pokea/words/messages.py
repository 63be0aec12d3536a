"""What is said when a message is taken."""

from __future__ import annotations

ENGLISH = {
    "message_ask_message": "What is the message, please?",
    "message_ask_name": "Who is the message from, please?",
    "message_ask_number": "Your number is withheld. On which number can we call you back?",
    "message_ask_number_again": "Sorry, I did not get the number. Please say it again, digit by digit.",
    "message_for": " for {department}",
    "message_from": " It is from {name}.",
    "message_call_back_own": "We call back on the number you are calling from.",
    "message_call_back": "We call back on {number}.",
    "message_no_call_back": "We have no number to call back on.",
    "message_read_back": "The message{whom} is: {message}.{sender} {back} Shall I pass it on?",
    "message_taken": "Thank you, your message is noted, and somebody will call you back. Is there anything else?",
    "message_taken_no_number": "Thank you, your message is noted. We have no number to call you back on. Is there anything else?",
    "message_too_many": "I have taken as many messages from you as I may today. Shall I connect you with somebody instead?",
}

SWAHILI = {
    "message_ask_message": "Ujumbe wako ni upi, tafadhali?",
    "message_ask_name": "Ujumbe huu unatoka kwa nani, tafadhali?",
    "message_ask_number": "Namba yako haionekani. Tukupigie kwa namba gani?",
    "message_ask_number_again": "Samahani, sikuipata namba. Tafadhali itaje tena, tarakimu moja moja.",
    "message_for": " kwa {department}",
    "message_from": " Umetoka kwa {name}.",
    "message_call_back_own": "Tutakupigia kwa namba unayopiga nayo sasa.",
    "message_call_back": "Tutakupigia kwa namba {number}.",
    "message_no_call_back": "Hatuna namba ya kukupigia.",
    "message_read_back": "Ujumbe{whom} ni: {message}.{sender} {back} Niufikishe?",
    "message_taken": "Asante, ujumbe wako umeandikwa, na utapigiwa simu. Kuna lingine?",
    "message_taken_no_number": "Asante, ujumbe wako umeandikwa. Hatuna namba ya kukupigia. Kuna lingine?",
    "message_too_many": "Nimeshachukua ujumbe wote ninaoruhusiwa kutoka kwako leo. Nikuunganishe na mtu badala yake?",
}
