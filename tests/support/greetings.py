"""What is said when a call is answered: by people, by their machines, by operators. "|" is a pause between sentences, "||" a long one.

Thresholds were chosen on the even texts of each list; bounds are judged on the odd ones.
"""

from __future__ import annotations

PEOPLE: tuple[tuple[str, str], ...] = tuple(
    ("en", text)
    for text in (
        "Hello?",
        "Hello.",
        "Yes?",
        "Hi.",
        "Yeah?",
        "Hello? | Hello?",
        "Hello hello.",
        "Good morning.",
        "Hello, who is this?",
        "Yes, hello?",
        "Peter speaking.",
        "Hello, Mary here.",
        "Hello, this is Grace Wanjiru.",
        "Wanjiku speaking, good afternoon.",
        "Otieno.",
        "Hi, this is Daniel, who am I speaking to?",
        "Hello, good afternoon, who is calling please?",
        "Acme Hardware, good morning.",
        "Good morning, Acme Hardware, Peter speaking, how may I help you?",
        "Thank you for calling Lakeside Dental Clinic, this is Amina, how can I help you today?",
        "Good afternoon, Rift Valley Motors, you are speaking to Kevin. | How can I help?",
        "Hello? || Hello?",
        "Hello. | I am driving, can you call me in ten minutes?",
        "Yes, I can hear you, who is it?",
        "Hello? | Can you hear me? | Hello?",
        "Sorry, who is this?",
        "Hold on a second. || Yes, hello?",
        "Hey, what's up?",
        "Mum, is that you?",
        "Hello, I am in a meeting.",
        "He is not available right now, who is calling?",
        "Hello, she has left the office, can I take a message?",
        "Reception, good morning.",
        "Hello, this is the front desk, how may I direct your call?",
        "Yes yes, I am listening.",
        "Good evening, Sunrise Hotel, this is Joseph speaking, how may I be of assistance this evening?",
        "Hello, hello, hello.",
        "Hmm, hello?",
        "Oh hi there, I was just about to call you back about the delivery.",
        "Speaking.",
        "Hello, you have reached the workshop, what can I do for you?",
        "Go ahead.",
        "Hello? | Is anybody there?",
        "Hello, wait, let me go outside, it is very loud in here. | Okay, now, hello?",
    )
) + tuple(
    ("sw", text)
    for text in (
        "Halo?",
        "Haloo?",
        "Halo. | Halo?",
        "Ndio?",
        "Naam.",
        "Ee, halo?",
        "Halo, ni nani?",
        "Halo, nani mwenzangu?",
        "Habari yako?",
        "Shikamoo.",
        "Habari za asubuhi, Wambui anaongea.",
        "Halo, niko kwa mkutano, nipigie baadaye.",
        "Halo, habari, naongea na nani tafadhali?",
        "Kliniki ya meno, habari za asubuhi, nikusaidie vipi?",
        "Ndio, nakusikia, sema.",
        "Subiri kidogo. || Halo, ndio?",
        "Hayupo sasa hivi, nani anapiga?",
        "Jambo, karibu duka la vifaa, naitwa Juma, nikusaidie na nini leo?",
        "Halo halo, unanisikia?",
        "Sema.",
        "Eh, nani?",
        "Mambo vipi?",
        "Halo, mimi ni Otieno.",
        "Asante kwa kupiga simu, hapa ni mapokezi, naweza kukusaidia vipi?",
    )
)

MAILBOXES: tuple[tuple[str, str], ...] = tuple(
    ("en", text)
    for text in (
        "Hi, you have reached Peter. | I can't come to the phone right now. | Please leave a message after the tone.",
        "Hello, this is Mary. | Sorry I missed your call. | Leave your name and number and I will get back to you.",
        "You have reached the voicemail of Daniel Otieno. | Please leave a message after the beep.",
        "Hey, it's Kevin, you know what to do. | Leave a message.",
        "Please leave your message after the tone.",
        "Hello, you've reached Grace Wanjiru at Rift Valley Motors. | I am out of the office until Monday. | For urgent matters please "
        "call the front desk. | Otherwise leave a message and I will call you back.",
        "I am sorry, the person you are calling is not available. | Please leave your message after the tone. | When you have finished "
        "recording you may hang up.",
        "Your call has been forwarded to an automated voice message system. | Zero seven two two. | Is not available. | At the tone please "
        "record your message.",
        "Thank you for calling Acme Hardware. | We are closed at the moment. | Our office hours are from eight to five, Monday to Friday. "
        "| Please leave a message.",
        "Hi, this is Lucy, I am probably in class or asleep, so leave me a message and I will call you back when I can. Bye.",
        "Good day, this is the mailbox of Doctor Hassan. | In an emergency call the hospital. | Otherwise please speak after the signal.",
        "Hello. | You have reached Lakeside Dental Clinic. | Nobody can take your call right now. | Please leave your name, your number "
        "and the reason for your call, and we will return your call as soon as possible.",
        "This is the Mainas. | We are not at home. | Please leave a message after the beep and have a nice day.",
        "The mailbox of. | Joseph Kamau. | Is ready to take your message. | Please speak after the tone.",
        "Hi, I can't take your call at the moment because I am either on the other line or away from my desk, but if you leave a message I "
        "will get back to you.",
        "Sorry, I am not available to take your call. | Kindly leave a voice message or send me a text.",
        "Hello there, this is John speaking from Kisumu, I am travelling this week and my phone will be off most of the time. "
        "| Leave a message.",
        "You are through to the sales team at Sunrise Solar. | All of us are busy helping other customers. | Leave your details after the "
        "tone and one of us will call you today.",
        "Welcome to the voice mailbox of Amina. | She will be notified of your message. | Please record it after the beep.",
        "Hi, leave a message for Sam.",
        "Hello, this is an answering machine. | Nobody is here. | You may leave a message of up to two minutes now.",
        "I'm busy right now, please call later or leave me a short message after the tone. | Thank you.",
        "God bless you for calling. | This is Pastor Mwangi. | I am unable to answer right now, but leave your prayer request and your "
        "number after the tone.",
        "You've reached my voicemail, I never listen to it, so just send me a text message instead please. Thank you.",
        "Please record your message after the beep, then press hash for more options, or simply hang up.",
        "This call is being answered by an automatic machine as the owner of this phone is not able to pick up. | Leave a message.",
    )
) + tuple(
    ("sw", text)
    for text in (
        "Habari, umefika kwa Peter. | Siwezi kupokea simu sasa. | Tafadhali acha ujumbe baada ya mlio.",
        "Halo, huyu ni Wambui. | Sipatikani kwa sasa, acha jina lako na nambari yako nitakupigia.",
        "Acha ujumbe wako baada ya mlio.",
        "Umepiga simu kliniki ya meno. | Tumefunga kwa sasa. | Tunafungua kesho saa mbili asubuhi. | Tafadhali acha ujumbe.",
        "Samahani, mwenye simu hii hawezi kupokea simu yako. | Tafadhali rekodi ujumbe wako baada ya mlio, kisha ukate simu.",
        "Karibu katika sanduku la sauti la Juma Hassan. | Acha ujumbe mfupi baada ya mlio, naye atakupigia.",
        "Niko safarini wiki hii na simu yangu haitapatikana mara nyingi, kwa hivyo niachie ujumbe nami nitakurudia.",
        "Asante kwa kupiga simu duka la vifaa. | Wahudumu wote wana shughuli. | Acha jina na nambari yako baada ya sauti ya mlio.",
        "Halo, ni mimi Otieno, siko karibu na simu, acha ujumbe.",
        "Hujambo, hapa ni nyumbani kwa familia ya Maina, hatupo kwa sasa, tafadhali tuachie ujumbe baada ya mlio, asante na siku njema.",
    )
)

OPERATORS: tuple[tuple[str, str], ...] = tuple(
    ("en", text)
    for text in (
        "The subscriber you have dialled is not available at the moment. | Please try again later.",
        "Sorry, the mobile subscriber cannot be reached. | Please try again later.",
        "The number you have dialled is not in service. | Please check the number and dial again.",
        "The number you are calling is switched off. | Please try your call later.",
        "The customer you are calling is on another call. | Please hold the line or call again later.",
        "Sorry, the number you have dialled does not exist. | Please check the number and try again.",
        "Your call cannot be connected as dialled. | Please consult the directory.",
        "All circuits to the country you have dialled are busy now. | Please try again in a few minutes.",
        "The subscriber you are trying to reach has calls barred. | This is a recorded announcement.",
        "Thank you for calling. | Your call is important to us. | All our agents are currently busy. | Please hold and your call will be "
        "answered in the order in which it was received.",
        "Welcome to Savannah Bank. | Calls are recorded for quality purposes. | For English press one. | Kwa Kiswahili bonyeza mbili.",
        "Hello. | If you record your name and reason for calling, I will see if this person is available.",
        "The person you have called is using a screening service and will get a copy of this conversation. | Go ahead and say your "
        "name and why you are calling.",
        "The mobile phone you have called is outside the coverage area. | Please leave a message after the tone or call again later.",
        "This number has been temporarily disconnected at the customer's request. | Please contact customer care for more information.",
        "Sorry, you are not allowed to call this number. | Thank you.",
    )
) + tuple(
    ("sw", text)
    for text in (
        "Samahani, mteja wa nambari uliyopiga hapatikani kwa sasa. | Tafadhali jaribu tena baadaye.",
        "Mteja wa nambari unayopiga hapatikani kwa sasa. | Sorry, the mobile subscriber cannot be reached.",
        "Nambari uliyopiga haitumiki. | Tafadhali hakikisha nambari kisha upige tena.",
        "Mteja unayempigia anaongea na mtu mwingine. | Tafadhali piga tena baadaye.",
        "Namba unayopiga imezimwa au iko nje ya mtandao. | Tafadhali jaribu tena baadaye.",
        "Samahani, simu yako haiwezi kukamilika kwa sasa. | Tafadhali piga tena baada ya muda mfupi.",
        "Karibu huduma kwa wateja. | Kwa Kiswahili bonyeza moja. | For English press two. | Kurudia bonyeza nyota.",
        "Mteja wa nambari hii hawezi kupokea simu. | Tafadhali acha ujumbe baada ya mlio.",
        "Wahudumu wetu wote wanahudumia wateja wengine. | Tafadhali subiri, simu yako itajibiwa hivi punde.",
        "Samahani, huna ruhusa ya kupiga nambari hii. | Wasiliana na huduma kwa wateja kwa maelezo zaidi. | Asante.",
    )
)

TELEVISION = (
    "And now the news at nine. The minister said on Tuesday that the new road will be finished before the rains, at a cost of four "
    "billion.",
    "What a goal! He takes it past two defenders, he shoots, and it is in the back of the net, unbelievable scenes here at the stadium.",
    "Habari za saa hizi. Rais amefungua barabara mpya leo asubuhi na kuwahimiza wananchi kulipa kodi kwa wakati.",
)
