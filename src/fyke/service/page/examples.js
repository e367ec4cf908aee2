// Three mails to try: written for this page, with names and addresses that nobody owns.

const parcel = `From: "Parcel Service support@parcels.example.org" <notice@mail.example.net>
Reply-To: claims@prizes.example.com
To: you@example.org
Subject: Your parcel is waiting
Date: Mon, 05 Jan 2026 09:12:00 +0000
MIME-Version: 1.0
Content-Type: text/html; charset=utf-8

<p>Dear customer,</p>
<p>your parcel could not be delivered. To receive it, please confirm your address and pay the fee of 1.99 within
24 hours: <a href="http://192.0.2.7/claim">https://www.parcels.example.org/track</a></p>
<p>If you do not click the link, your account will be closed and the parcel returned.</p>
<p style="display:none">minutes of the project meeting on thursday, thanks to all of you</p>
`;

export const examples = [
  {
    name: "An account in danger",
    about: "Pasted text",
    text: `Subject: Urgent: your account has been limited

Dear customer,

we noticed unusual activity and have limited your account for your security. Please verify your information within 24 hours, or your account will be suspended. Click here to confirm your password and your credit card:

http://secure-login.example.com/verify

Thank you,
Customer Security Team`,
  },
  {
    name: "Minutes of a meeting",
    about: "Pasted text",
    text: `Hello all,

attached are the minutes of Thursday's meeting. Two things are still open: Jonas checks the figures for the second quarter, and Amina asks the university whether the room is free in June.

The draft of the paper is in the usual place. I added comments to section 3, please have a look before our call on Monday.

Thanks,
Ruth`,
  },
  {
    name: "A parcel that waits",
    about: "A message with signs, parcel.eml",
    file: () => new File([parcel], "parcel.eml", { type: "message/rfc822" }),
  },
];
