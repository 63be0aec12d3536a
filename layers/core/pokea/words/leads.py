"""What the lead qualification agent says. The questions themselves stand in the profile."""

from __future__ import annotations

ENGLISH = {
    "leads_greeting": "Hello, I am the AI assistant of {business}. This is about {purpose}. "
    "Press 9 at any time and we will not call again. Is now a good time for a few short questions?",
    "leads_greeting_recorded": "Hello, I am the AI assistant of {business}, and this call is recorded. This is about {purpose}. "
    "Press 9 at any time and we will not call again. Is now a good time for a few short questions?",
    "leads_greeting_ask_recording": "Hello, I am the AI assistant of {business}. This is about {purpose}. "
    "Press 9 at any time and we will not call again. I would like to record this call. May I record it?",
    "leads_voicemail": "Hello, this is an automatic message of {business}, spoken by an AI assistant. We called about {purpose}. "
    "You can call us back on this number. If you do not want us to call you again, call this number, press 9, and we will not. Goodbye.",
    "leads_recorded": "Thank you, the call is recorded from now on. {question}",
    "leads_not_recorded": "All right, this call is not recorded. {question}",
    "leads_opening": "Is now a good time for a few short questions?",
    "leads_opening_again": "I am the AI assistant of {business}, and this is about {purpose}. Do you have a minute for me now?",
    "leads_call_again": "No problem. When may we call you again?",
    "leads_call_again_again": "Sorry, I did not get that. Which day or time suits you, or not at all?",
    "leads_call_again_noted": "Thank you, I have noted that. Goodbye.",
    "leads_left": "All right. Thank you for your time. Goodbye.",
    "leads_goodbye": "Thank you for your time. Goodbye.",
    "leads_hot": "Thank you. That sounds like something we can help you with. Shall I connect you with a colleague now?",
    "leads_hot_busy": "Thank you. That sounds like something we can help you with. All my colleagues are talking to somebody right now, "
    "so I cannot connect you. When may one of them call you back?",
    "leads_hot_later": "Thank you. That sounds like something we can help you with. When may a colleague call you back?",
    "leads_no_rep": "I am sorry, all my colleagues are talking to somebody right now, so I cannot connect you. "
    "When may one of them call you back?",
    "leads_no_reps": "I am sorry, I cannot connect you now. When may a colleague call you back?",
    "leads_no_rep_again": "Sorry, I did not get that. Which day or time suits you for the call, or not at all?",
    "leads_no_rep_noted": "Thank you, I have noted that, and a colleague will call you back. Goodbye.",
    "leads_no_rep_declined": "All right, nobody will call you back about it. Thank you for your time. Goodbye.",
    "leads_warm": "Thank you for your answers. Shall a colleague call you back about it?",
    "leads_cold": "I see. I think we have nothing that suits you at the moment.",
    "leads_too_many": "Thank you, we have your answers already.",
    "leads_callback_message": "Please call me back about {purpose}.",
    "leads_reason": "{purpose}: {score} points. {reasons}",
}

SWAHILI = {
    "leads_greeting": "Habari, mimi ni msaidizi wa akili bandia wa {business}. Ni kuhusu {purpose}. "
    "Bonyeza 9 wakati wowote na hatutakupigia tena. Je, huu ni wakati mzuri kwa maswali machache mafupi?",
    "leads_greeting_recorded": "Habari, mimi ni msaidizi wa akili bandia wa {business}, na simu hii inarekodiwa. Ni kuhusu {purpose}. "
    "Bonyeza 9 wakati wowote na hatutakupigia tena. Je, huu ni wakati mzuri kwa maswali machache mafupi?",
    "leads_greeting_ask_recording": "Habari, mimi ni msaidizi wa akili bandia wa {business}. Ni kuhusu {purpose}. "
    "Bonyeza 9 wakati wowote na hatutakupigia tena. Naomba kurekodi simu hii. Je, unakubali?",
    "leads_voicemail": "Habari, huu ni ujumbe wa kiotomatiki kutoka {business}, unaosomwa na msaidizi wa akili bandia. "
    "Tulikupigia kuhusu {purpose}. Unaweza kutupigia kwa namba hii. Kama hutaki tukupigie tena, piga namba hii, bonyeza 9, nasi "
    "hatutakupigia. Kwaheri.",
    "leads_recorded": "Asante, simu hii inarekodiwa kuanzia sasa. {question}",
    "leads_not_recorded": "Sawa, simu hii hairekodiwi. {question}",
    "leads_opening": "Je, huu ni wakati mzuri kwa maswali machache mafupi?",
    "leads_opening_again": "Mimi ni msaidizi wa akili bandia wa {business}, na ni kuhusu {purpose}. Je, una dakika moja sasa?",
    "leads_call_again": "Hakuna shida. Tukupigie tena lini?",
    "leads_call_again_again": "Samahani, sikuelewa. Siku au saa gani inakufaa, au tusipige kabisa?",
    "leads_call_again_noted": "Asante, nimeandika hivyo. Kwaheri.",
    "leads_left": "Sawa. Asante kwa muda wako. Kwaheri.",
    "leads_goodbye": "Asante kwa muda wako. Kwaheri.",
    "leads_hot": "Asante. Inaonekana tunaweza kukusaidia. Nikuunganishe na mwenzangu sasa?",
    "leads_hot_busy": "Asante. Inaonekana tunaweza kukusaidia. Wenzangu wote wanazungumza na watu wengine sasa hivi, kwa hiyo siwezi "
    "kukuunganisha. Mmoja wao akupigie lini?",
    "leads_hot_later": "Asante. Inaonekana tunaweza kukusaidia. Mwenzangu akupigie lini?",
    "leads_no_rep": "Samahani, wenzangu wote wanazungumza na watu wengine sasa hivi, kwa hiyo siwezi kukuunganisha. "
    "Mmoja wao akupigie lini?",
    "leads_no_reps": "Samahani, siwezi kukuunganisha sasa. Mwenzangu akupigie lini?",
    "leads_no_rep_again": "Samahani, sikuelewa. Siku au saa gani inakufaa kupigiwa, au usipigiwe kabisa?",
    "leads_no_rep_noted": "Asante, nimeandika hivyo, na mwenzangu atakupigia. Kwaheri.",
    "leads_no_rep_declined": "Sawa, hakuna atakayekupigia kuhusu jambo hili. Asante kwa muda wako. Kwaheri.",
    "leads_warm": "Asante kwa majibu yako. Mwenzangu akupigie simu kuhusu jambo hili?",
    "leads_cold": "Nimeelewa. Nadhani kwa sasa hatuna kinachokufaa.",
    "leads_too_many": "Asante, majibu yako tayari tunayo.",
    "leads_callback_message": "Naomba nipigiwe simu kuhusu {purpose}.",
    "leads_reason": "{purpose}: pointi {score}. {reasons}",
}
