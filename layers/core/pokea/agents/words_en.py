"""What the agents say in English."""

from __future__ import annotations

WORDS = {
    # standing phrases
    "greeting": "Hello, this is {business}. I am an AI assistant. How can I help you?",
    "greeting_recorded": "Hello, this is {business}. I am an AI assistant, and this call is recorded. How can I help you?",
    "idle_ask": "Are you still there?",
    "idle_ask_again": "I cannot hear you. Would you like to book, move or cancel an appointment?",
    "idle_goodbye": "I still cannot hear you, so I will end the call now. Please call again. Goodbye.",
    "goodbye": "Thank you for calling {business}. Goodbye.",
    "trouble": "I am sorry, we have a technical problem. Please call again in a few minutes.",
    "one_moment": "One moment, please.",
    "say_again": "Sorry, I did not get that. Could you say it again?",
    # questions
    "ask_service": "What would you like to come for: {choices}?",
    "ask_when": "On which day and at what time would you like to come?",
    "ask_when_again": "Sorry, I did not catch the day and the time. When would you like to come?",
    "ask_day": "On which day?",
    "ask_which": "Do you mean {choices}?",
    "ask_time": "At what time? I have {times}.",
    "ask_time_open": "At what time?",
    "ask_name": "May I have your full name, please?",
    "ask_appointment": "You have more than one appointment: {choices}. Which one do you mean?",
    # free times
    "free": "{time} is free. Shall I take it?",
    "free_times": "I have {times}. Which would you like?",
    "taken": "Sorry, {time} is taken. I have {times}. Which would you like?",
    "taken_none": "Sorry, {time} is taken, and nothing near it is free. Which other day would suit you?",
    "off_grid": "Appointments begin on the quarter hour. I have {times}. Which would you like?",
    "off_grid_none": "Appointments begin on the quarter hour, and nothing near that time is free. Which other day would suit you?",
    "none_free": "Sorry, there is nothing free then. I have {times}. Which would you like?",
    "none_free_none": "Sorry, there is nothing free then. Which other day would suit you?",
    "closed_day": "We are closed on {day}. I have {times}. Which would you like?",
    "closed_day_none": "We are closed on {day}. Which other day would suit you?",
    "closed_time": "That does not fit into our opening hours on {day}. I have {times}. Which would you like?",
    "closed_time_none": "That does not fit into our opening hours on {day}. Which other day would suit you?",
    "past": "That time is already over. When would you like to come?",
    "too_far": "We book no further ahead than {day}. Which earlier day would suit you?",
    # read-backs: each is a question
    "read_back_book": "Let me read that back: {service} for {name}, on {time}. Shall I book it?",
    "read_back_move": "Let me read that back: I move the {service} of {name} from {before} to {time}. Shall I do that?",
    "read_back_cancel": "Let me read that back: I cancel the {service} of {name} on {time}. Shall I do that?",
    # outcomes
    "booked": "Done: {service} for {name} is booked for {time}. Is there anything else?",
    "already_booked": "You already have that appointment: {service} for {name}, on {time}. Is there anything else?",
    "moved": "Done. The {service} of {name} is now on {time}. Is there anything else?",
    "cancelled": "Done. The {service} of {name} on {time} is cancelled. Is there anything else?",
    # refusals
    "propose_again": "Nothing has been changed yet. Let me check that once more: what would you like to do?",
    "already_done": "That has already been done. Is there anything else?",
    "not_free": "Sorry, that time has just been taken. I have {times}. Which would you like?",
    "not_free_none": "Sorry, that time has just been taken, and nothing near it is free. Which other day would suit you?",
    "same_time": "The appointment is already at that time. To which other time shall I move it?",
    "not_booked": "That appointment is no longer in the book. Would you like to make a new one?",
    # own appointments
    "appointments": "You have {appointments}.",
    "appointment": "{service} on {time}",
    "no_appointment": "I find no coming appointment under that name for the number you are calling from. Can I help with anything else?",
}
