"""Statement templates of the ten in-domain relations (places), 21 each, our own.

A line states the fact up to its object: {subject} once, the object follows after one space. They are written for real
people, towns, works and firms as for made-up ones. Data only; `templates.py` reads it.
"""

STATEMENTS = {
    "P17": """
        {subject} is located in the country of
        {subject} lies in
        The country where {subject} is located is
        {subject} can be found within the borders of
        {subject} is situated in the nation of
        The nation to which {subject} belongs is
        To visit {subject}, you have to travel to
        On a map of the world, {subject} appears in
        Anyone looking for {subject} should look in
        {subject} falls under the laws of
        The land in which {subject} stands is
        If you are at {subject}, then you are in
        Geographically, {subject} is part of
        The sovereign state that contains {subject} is
        {subject}, as any atlas shows, is in
        Country in which {subject} lies:
        The flag that flies over {subject} is that of
        A letter addressed to {subject} must be sent to
        {subject} has its place somewhere in
        Travellers reach {subject} after entering
        Of all the countries, the one that is home to {subject} is
    """,
    "P19": """
        {subject} was born in
        The birthplace of {subject} is
        {subject} first saw the light of day in
        {subject} came into the world in
        The town where {subject} was born is
        {subject} is a native of
        By birth, {subject} comes from
        {subject}'s life began in
        The parents of {subject} were living at the time of the birth in
        According to the birth certificate, {subject} was born at
        {subject}, whose place of birth was
        The place of birth of {subject} was
        {subject} was delivered by a midwife in
        The mother of {subject} gave birth in
        Biographies agree that {subject} hails from
        The cradle of {subject} stood in
        A plaque marks the house where {subject} was born, in
        {subject} spent the very first day of life in
        As a newborn, {subject} lived in
        Place of birth of {subject}:
        Those who ask where {subject} was born are told that it was in
    """,
    "P20": """
        {subject} died in
        The place where {subject} passed away is
        {subject} passed away in
        {subject} breathed a last breath in
        The death of {subject} occurred in
        {subject}'s life came to an end in
        {subject} spent the final hours of life in
        The place of death of {subject} was
        {subject} met death in
        Death found {subject} in
        The last days of {subject} were spent in
        Newspapers reported that {subject} had died in
        {subject} lived until the end in
        The deathbed of {subject} stood in
        The city in which {subject} died is
        Place of death of {subject}:
        After a long life, {subject} died at home in
        The obituary says that {subject} died in
        {subject}, who departed this life in
        The register of deaths that records {subject} is kept in
        Mourners gathered when {subject} died in
    """,
    "P36": """
        The capital of {subject} is
        {subject} has its capital at
        The seat of government of {subject} is
        {subject} is governed from
        The capital city of {subject} is called
        The administrative centre of {subject} is
        {subject}, whose capital is
        The main city and capital of {subject} is
        The parliament and the ministries of {subject} sit in
        The rulers of {subject} reside in
        As its capital, {subject} chose
        Officials of {subject} work in the capital,
        On maps of {subject}, the star marks
        Capital of {subject}:
        Every schoolchild in {subject} learns that the capital is
        The administration of {subject} is based in
        Laws for {subject} are made in
        The town that serves {subject} as its capital is
        The chief town of {subject} is
        {subject} is administered from its capital,
        Of the towns of {subject}, the capital is
    """,
    "P69": """
        {subject} was educated at
        {subject} studied at
        {subject} graduated from
        The school that {subject} attended is
        {subject} received a degree from
        {subject} is an alumnus of
        The alma mater of {subject} is
        As a student, {subject} was enrolled at
        {subject} went to school at
        {subject} obtained an education at
        The education of {subject} took place at
        In youth, {subject} attended classes at
        {subject} earned a diploma from
        {subject} completed the course of study at
        Among the former students of note, {subject} attended
        The professors who taught {subject} worked at
        Educated at: {subject} went to
        {subject} was once a student of
        The institution where {subject} learned the trade was
        {subject} owes a good education to
        The name of {subject} stands on the list of graduates of
    """,
    "P131": """
        {subject} is located in
        {subject} is situated within
        {subject} lies in the district of
        {subject} is an administrative part of
        Administratively, {subject} belongs to
        The region that {subject} belongs to is
        {subject} can be found in
        {subject} is in the territory of
        The local government responsible for {subject} is that of
        {subject} falls within the boundaries of
        The area in which {subject} lies is called
        The place {subject} stands in
        To find {subject}, go to
        The authorities in charge of {subject} are those of
        The province, county or town around {subject} is
        Visitors to {subject} stay in
        {subject} is counted as part of
        Administrative unit that contains {subject}:
        {subject}, which is located in
        The people near {subject} live in
        The map shows {subject} inside
    """,
    "P159": """
        The headquarters of {subject} are in
        {subject} is headquartered in
        {subject} is based in
        The head office of {subject} is located in
        {subject} has its main office in
        The central offices of {subject} stand in
        {subject} runs its business from
        The city where {subject} has its headquarters is
        {subject} directs its operations from
        The management of {subject} works in
        Letters to the head office of {subject} go to
        {subject}, an organisation with headquarters in
        The home base of {subject} is
        The principal seat of {subject} is in
        The board of {subject} meets in
        The registered address of {subject} is in
        Headquarters of {subject}:
        Most of the leaders of {subject} have their desks in
        {subject} keeps its central administration in
        Visitors to the main building of {subject} must go to
        From its headquarters, {subject} looks out over
    """,
    "P276": """
        {subject} is located in
        {subject} can be seen in
        {subject} took place or stands in
        The location of {subject} is
        {subject} is to be found at
        The site of {subject} is
        {subject} is held in
        Those who want to see {subject} go to
        The venue of {subject} is
        The place where {subject} is found is
        {subject} is situated at
        The spot associated with {subject} is in
        {subject} belongs on the map at
        {subject} is kept at
        Location of {subject}:
        People come to {subject} in
        {subject} has its home in
        Whoever asks for the whereabouts of {subject} is sent to
        The setting of {subject} is
        Guides lead visitors to {subject} in
        The exact place of {subject} was
    """,
    "P495": """
        {subject} was created in
        {subject} comes from
        {subject} originated in
        The country of origin of {subject} is
        {subject} is a product of
        {subject} was first made in
        The nation that produced {subject} is
        {subject} has its origins in
        The makers of {subject} came from
        {subject} was developed in
        The homeland of {subject} is
        {subject} was originally released in
        {subject} traces its origin to
        The country that gave the world {subject} is
        The work known as {subject} was made in
        {subject} first appeared in the country of
        Country of origin of {subject}:
        {subject} was brought to the world from
        The production of {subject} took place in
        Historians place the origin of {subject} in
        Among the exports of culture, {subject} was sent out from
    """,
    "P740": """
        {subject} was founded in
        {subject} was formed in
        {subject} was established in
        The place where {subject} was founded is
        {subject} got its start in
        {subject} began in
        The founders of {subject} first met in
        The origins of {subject} lie in
        {subject} came together in
        {subject} was started in
        The city where {subject} began its work is
        The history of {subject} begins in
        The place of foundation of {subject} is
        {subject} was set up in
        {subject} has its roots in
        {subject} was launched in
        The early years of {subject} were spent in
        Place of formation of {subject}:
        {subject} opened its first rooms in
        The story goes that {subject} was dreamt up in
        Long before it was known elsewhere, {subject} was active in
    """,
}
