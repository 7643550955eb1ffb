package queries

// index lays the inputs out in the groups of Quyết định 766/QĐ-TTg, with the
// points that the national portal gives. The decision has five groups; the
// portal shows payment apart, so there are six.
func index(in indexInputs, offers offer) []IndicatorGroup {
	return []IndicatorGroup{
		{ID: "1", Name: "Openness and transparency", NameVI: "Công khai, minh bạch", Indicators: openness(in)},
		{ID: "2", Name: "Progress of handling", NameVI: "Tiến độ giải quyết", Indicators: progress(in)},
		{ID: "3a", Name: "Online services", NameVI: "Cung cấp dịch vụ trực tuyến", Indicators: online(in, offers)},
		{ID: "3b", Name: "Online payment", NameVI: "Thanh toán trực tuyến", Indicators: payment(in, offers)},
		{ID: "4", Name: "Digitisation of dossiers", NameVI: "Số hóa hồ sơ", Indicators: digitisation(in)},
		{ID: "5", Name: "Satisfaction", NameVI: "Mức độ hài lòng", Indicators: satisfaction(in)},
	}
}

const (
	noPublication = "when and how completely procedures were published is kept by the national database of procedures"
	noPetitions   = "petitions are kept by another system"
)

func openness(in indexInputs) []Indicator {
	synced := Indicator{
		ID: "1.4", Name: "Dossiers synchronised with the national portal", NameVI: "Hồ sơ được đồng bộ lên Cổng Dịch vụ công quốc gia", MaxPoints: 6,
		Formula: "dossiers received in the period that the national portal has accepted / dossiers received in the period",
	}
	if in.SyncTouched == 0 && in.Received > 0 {
		synced = synced.without("no dossier of the period was ever offered to the national portal")
	} else {
		synced = synced.scored(in.Synced, in.Received, 100)
		synced.Note = "the index divides by the greater of the portal's count and the national report's; this is the ledger's own count"
	}
	return []Indicator{
		Indicator{
			ID: "1.1", Name: "Procedures published on time", NameVI: "Thủ tục hành chính công bố đúng hạn", MaxPoints: 6,
			Formula: "decisions of publication issued in time / decisions issued in the period",
		}.without(noPublication),
		Indicator{
			ID: "1.2", Name: "Procedures updated in the national database on time", NameVI: "Thủ tục hành chính cập nhật, công khai đúng hạn", MaxPoints: 4,
			Formula: "procedures made public within the term after the decision / procedures decided in the period",
		}.without(noPublication),
		Indicator{
			ID: "1.3", Name: "Procedures with complete content", NameVI: "Thủ tục hành chính công khai đầy đủ nội dung", MaxPoints: 2,
			Formula: "procedures with all seven parts / procedures made public",
		}.without(noPublication),
		synced,
	}
}

func progress(in indexInputs) []Indicator {
	mean := Indicator{
		ID: "2.2", Name: "Mean time of handling", NameVI: "Thời gian giải quyết trung bình", Unit: "working-hours",
		Formula: "working seconds used of the term by ended dossiers / ended dossiers / 3600",
		State:   NoCases,
	}
	used := uint64(max(in.UsedSeconds, 0))
	mean.Numerator, mean.Denominator = &used, &in.Ended
	if in.Ended > 0 {
		hours := hundredths(float64(used) / float64(in.Ended) / 3600)
		mean.Value, mean.State = &hours, Shown
	}
	onTime := Indicator{
		ID: "2.1", Name: "Dossiers handled on time or early", NameVI: "Hồ sơ giải quyết đúng hạn, trước hạn", MaxPoints: 20,
		Formula: "dossiers that ended by their appointment, or are open and not past it, with at most one supplement request / dossiers received in the period that have an appointment",
	}.scored(in.OnTime, in.Promised, 100)
	return []Indicator{onTime, mean}
}

func online(in indexInputs, offers offer) []Indicator {
	byChannel := Indicator{
		ID: "3.3", Name: "Online dossiers with electronic result", NameVI: "Hồ sơ trực tuyến có kết quả điện tử",
		Formula: "online dossiers with an electronic result / dossiers received × share of dossiers synchronised",
	}
	switch {
	case in.Received == 0:
		byChannel = byChannel.scored(0, 0, 50)
	case in.SyncTouched == 0:
		byChannel = byChannel.partly(in.OnlineResults, in.Received, "the share of dossiers synchronised is not recorded")
	default:
		byChannel = byChannel.scored(in.OnlineResults, in.Received, 50)
		value := hundredths(100 * float64(in.OnlineResults) / float64(in.Received) * float64(in.Synced) / float64(in.Received))
		byChannel.Value = &value
	}
	return []Indicator{
		Indicator{
			ID: "3", Name: "Dossiers handled wholly online", NameVI: "Hồ sơ trực tuyến toàn trình", MaxPoints: 12,
			Formula: "dossiers submitted online to procedures that are wholly online / dossiers of procedures that are wholly online",
		}.scored(in.FullOnline, in.FullEligible, 100),
		Indicator{
			ID: "3.1", Name: "Procedures offered online", NameVI: "Thủ tục hành chính cung cấp trực tuyến",
			Formula: "procedures offered online, wholly or in part / procedures in force",
		}.scored(offers.Online, offers.Procedures, 80),
		Indicator{
			ID: "3.2", Name: "Online services with dossiers", NameVI: "Dịch vụ công trực tuyến có phát sinh hồ sơ",
			Formula: "procedures with dossiers submitted online / procedures offered online",
		}.scored(in.OnlineServed, offers.Online, 100),
		byChannel,
	}
}

func payment(in indexInputs, offers offer) []Indicator {
	return []Indicator{
		Indicator{
			ID: "3.5", Name: "Procedures with a fee that can be paid online", NameVI: "Thủ tục hành chính có phí, lệ phí được thanh toán trực tuyến", MaxPoints: 2,
			Formula: "procedures with a fee that can be paid online / procedures with a fee",
		}.scored(offers.PayableOnline, offers.WithFee, 80),
		Indicator{
			ID: "3.5b", Name: "Procedures with online payments", NameVI: "Thủ tục hành chính có giao dịch thanh toán trực tuyến", MaxPoints: 2,
			Formula: "procedures with a dossier paid online / procedures with a fee that can be paid online",
		}.scored(in.PaidProcedures, offers.PayableOnline, 100),
		Indicator{
			ID: "3.6", Name: "Dossiers paid online", NameVI: "Hồ sơ thanh toán trực tuyến", MaxPoints: 6,
			Formula: "dossiers with a fee to pay that was paid online / dossiers with a fee to pay",
		}.scored(in.PaidOnline, in.Chargeable, 100),
	}
}

func digitisation(in indexInputs) []Indicator {
	const noStore = "what is exchanged with the personal store of documents is not recorded"
	const noPopulation = "look-ups in the population database are not recorded"
	return []Indicator{
		Indicator{
			ID: "4.1", Name: "Electronic results", NameVI: "Hồ sơ cấp kết quả điện tử", MaxPoints: 6,
			Formula: "dossiers with an electronic result / dossiers with a result",
		}.scored(in.ElectronicResults, in.Results, 100),
		Indicator{
			ID: "4.2", Name: "Dossiers digitised", NameVI: "Số hóa thành phần hồ sơ, kết quả", MaxPoints: 4,
			Formula: "dossiers with digital components and electronic result / dossiers with a result",
		}.scored(in.Digitised, in.Results, 80),
		Indicator{
			ID: "4.3", Name: "Reuse of digitised documents", NameVI: "Khai thác, sử dụng lại thông tin, dữ liệu số hóa", MaxPoints: 2,
			Formula: "dossiers with a reused component / dossiers with components",
		}.scored(in.Reused, in.WithDocuments, 80),
		Indicator{
			ID: "4.4", Name: "Dossiers shared with the personal store", NameVI: "Hồ sơ chia sẻ với Kho dữ liệu điện tử của tổ chức, cá nhân", MaxPoints: 4,
			Formula: "dossiers with a component from the store or a result in it / dossiers with a result",
		}.without(noStore),
		Indicator{
			ID: "4.5a", Name: "Procedures that use population data", NameVI: "Thủ tục hành chính khai thác Cơ sở dữ liệu quốc gia về dân cư", MaxPoints: 2,
			Formula: "procedures with a dossier that used population data / procedures with dossiers",
		}.without(noPopulation),
		Indicator{
			ID: "4.5b", Name: "Dossiers that use population data", NameVI: "Hồ sơ khai thác Cơ sở dữ liệu quốc gia về dân cư", MaxPoints: 2,
			Formula: "dossiers that used population data / dossiers received",
		}.without(noPopulation),
		Indicator{
			ID: "4.6", Name: "Certified electronic copies", NameVI: "Chứng thực bản sao điện tử", MaxPoints: 2,
			Formula: "not published",
		}.without("certified copies are not issued here"),
	}
}

func satisfaction(in indexInputs) []Indicator {
	dossiers := Indicator{
		ID: "5.4", Name: "Satisfaction with the handling of dossiers", NameVI: "Mức độ hài lòng trong giải quyết hồ sơ", MaxPoints: 6,
		Formula: "100 % − share of dossiers that are late − share with a petition or a bad rating",
	}
	if in.Rated == 0 {
		dossiers = dossiers.without("no dossier of the period was rated, and " + noPetitions)
	} else {
		dossiers = dossiers.partly(in.Late+in.Disliked, in.Received, noPetitions+"; the inputs are late dossiers plus bad ratings, of all received")
	}
	return []Indicator{
		Indicator{
			ID: "5.1", Name: "Petitions by class", NameVI: "Phân loại phản ánh, kiến nghị",
			Formula: "petitions by class",
		}.without(noPetitions),
		Indicator{
			ID: "5.2", Name: "Petitions handled on time", NameVI: "Xử lý phản ánh, kiến nghị đúng hạn", MaxPoints: 6,
			Formula: "petitions handled on time / petitions received",
		}.without(noPetitions),
		Indicator{
			ID: "5.3", Name: "Satisfaction with the handling of petitions", NameVI: "Mức độ hài lòng trong xử lý phản ánh, kiến nghị", MaxPoints: 6,
			Formula: "(petitions − disliked or late) / petitions",
		}.without(noPetitions),
		dossiers,
	}
}
